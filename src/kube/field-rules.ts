/** A part of an object that Towline doesn't honour, or that isn't formed as the API says. */
export interface FieldProblem {
  /** As the API server writes paths: `spec.containers[0].livenessProbe`. */
  path: string;
  reason: string;
}

/** What is honoured of a field. */
export interface FieldRule {
  /** Adds what is wrong with `value` to `problems`. */
  check(value: unknown, path: string, problems: FieldProblem[]): void;
  /** The only values that are honoured. */
  values?: (string | number | boolean)[];
  /** Of each item of a list. */
  item?: FieldRule;
  /** Of the fields of an object; others are not honoured. */
  fields?: Partial<Record<string, FieldRule>>;
}

/** Anything at all: the field has no meaning for a node, or all of it is honoured. */
export const anything: FieldRule = { check: () => undefined };

export const text = ofType('string', 'a string');
export const number = ofType('number', 'a number');
export const flag = ofType('boolean', 'true or false');

/** Quantities may be bare numbers in hand-written objects; the API server makes them strings. */
export const quantity: FieldRule = {
  check: (value, path, problems) => {
    if (typeof value !== 'number') text.check(value, path, problems);
  },
};

/** A text, number or flag that must be one of those that are supported. */
export function oneOf(...values: (string | number | boolean)[]): FieldRule {
  return {
    values,
    check: (value, path, problems) => {
      if (values.some((supported) => supported === value)) return;
      problems.push({ path, reason: `value ${JSON.stringify(value)} is not supported` });
    },
  };
}

export function listOf(item: FieldRule): FieldRule {
  return {
    item,
    check: (value, path, problems) => {
      if (!Array.isArray(value)) {
        problems.push({ path, reason: 'must be a list' });
        return;
      }
      value.forEach((element: unknown, index) => {
        item.check(element, `${path}[${index}]`, problems);
      });
    },
  };
}

/**
 * An object with these fields and, but for empty ones, no others. Empty are null, `''`, `[]`
 * and `{}`; `false` and 0 are not, since some fields are on unless they are turned off.
 */
export function fields(
  rules: Partial<Record<string, FieldRule>>,
  required: string[] = [],
): FieldRule {
  return {
    fields: rules,
    check: (value, path, problems) => {
      if (!isRecord(value)) {
        problems.push({ path, reason: 'must be an object' });
        return;
      }
      for (const name of required) {
        if (isEmpty(value[name])) problems.push({ path: `${path}.${name}`, reason: 'is required' });
      }
      for (const [name, element] of Object.entries(value)) {
        if (isEmpty(element)) continue;
        const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
        (rule ?? unsupported).check(element, `${path}.${name}`, problems);
      }
    },
  };
}

/** Amounts of resources by name, of those that `isKnown`. */
export function quantities(isKnown: (resource: string) => boolean): FieldRule {
  return {
    check: (value, path, problems) => {
      const names = isRecord(value) ? Object.keys(value) : [];
      const rules = names.filter(isKnown).map((name) => [name, quantity] as const);
      fields(Object.fromEntries(rules)).check(value, path, problems);
    },
  };
}

const unsupported: FieldRule = {
  check: (_, path, problems) => {
    problems.push({ path, reason: 'is not supported' });
  },
};

function ofType(type: 'string' | 'number' | 'boolean', words: string): FieldRule {
  return {
    check: (value, path, problems) => {
      if (typeof value !== type) problems.push({ path, reason: `must be ${words}` });
    },
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
