import type { Duplex } from 'node:stream';
import { maxMessageBytes } from '../../protocol/limits.ts';
import { FrameReader, writeFrame } from '../../tunnel/json-frame.ts';

/** A stream of JSON messages, as its server sees it. Messages that come are not checked. */
export interface MessageStream<Sent> {
  /** Resolves when the message is taken; rejects with the stream's error. */
  send(message: Sent): Promise<void>;
  /** The next message, `undefined` at the end; rejects with the stream's error. */
  read(): Promise<unknown>;
}

/** Messages on a tunnel stream, of at most `maxMessageBytes`. */
export function messageStream<Sent>(
  stream: Duplex,
  reader: FrameReader = new FrameReader(stream, maxMessageBytes),
): MessageStream<Sent> {
  return {
    send: (message) => writeFrame(stream, message),
    read: () => reader.read(),
  };
}
