/** A part of the report: a title, and lines that hold no secret. */
export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}
