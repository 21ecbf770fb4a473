import { waitFor } from '../../../hack/lab/wait.ts';
import type { Cluster } from '../cluster.ts';

/** The message of the first event with a reason, and with words if need be, of an object. */
export async function eventOf(
  cluster: Cluster,
  name: string,
  reason: string,
  words = /(?:)/,
): Promise<string> {
  const selector = `--field-selector=involvedObject.name=${name},reason=${reason}`;
  return waitFor(
    async () => {
      const list = JSON.parse(await cluster.kubectl('get', 'events', selector, '-o', 'json')) as {
        items: { message: string }[];
      };
      return list.items.map(({ message }) => message).find((message) => words.test(message));
    },
    {
      ...{ what: `an event ${reason} of ${name}`, timeoutMs: 30_000, intervalMs: 300 },
      explain: () => cluster.towline.provider.logTail(),
    },
  );
}
