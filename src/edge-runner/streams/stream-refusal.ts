/** A stream that a kubelet would refuse; `status` is the HTTP status of its answer. */
export class StreamRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StreamRefusal';
    this.status = status;
  }
}
