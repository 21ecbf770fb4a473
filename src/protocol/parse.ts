import * as v from 'valibot';
import { ProtocolError } from './errors.ts';

/**
 * Checks a decoded message against its schema.
 * @throws ProtocolError `INVALID_MESSAGE`, naming the path of the first thing that is wrong.
 */
export function parseMessage<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new ProtocolError(
    'INVALID_MESSAGE',
    `message is invalid at ${v.getDotPath(issue) ?? 'its top'}: ${faultOf(issue)}`,
  );
}

/** A message of the library quotes what came, and that may be of a Secret. */
function faultOf({ expected, message }: v.BaseIssue<unknown>): string {
  return expected === null ? message : `it is not ${expected}`;
}
