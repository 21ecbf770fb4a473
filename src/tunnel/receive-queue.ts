const maxSlabBytes = 8192;
const minSlabBytes = 512;

/**
 * Bytes that arrived before anybody wanted them. Small pieces are copied together, so that a peer
 * that sends single bytes, or small pieces of large messages, can't make this end hold more than
 * about twice what it counts.
 */
export class ReceiveQueue {
  #chunks: Buffer[] = [];
  #slab: Buffer | undefined;
  #slabUsed = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (holdsMostOfItsMemory(chunk)) {
      this.#sealSlab();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#slab === undefined || this.#slab.length - this.#slabUsed < chunk.length) {
      this.#sealSlab();
      const wanted = Math.min(maxSlabBytes, Math.max(minSlabBytes, this.#bytes));
      this.#slab = Buffer.allocUnsafeSlow(Math.max(wanted, chunk.length));
    }
    this.#slabUsed += chunk.copy(this.#slab, this.#slabUsed);
  }

  shift(): Buffer | undefined {
    if (this.#chunks.length === 0) this.#sealSlab();
    const chunk = this.#chunks.shift();
    this.#bytes -= chunk?.length ?? 0;
    return chunk;
  }

  clear(): void {
    this.#chunks = [];
    this.#slab = undefined;
    this.#slabUsed = 0;
    this.#bytes = 0;
  }

  #sealSlab(): void {
    if (this.#slab === undefined) return;
    this.#chunks.push(this.#slab.subarray(0, this.#slabUsed));
    this.#slab = undefined;
    this.#slabUsed = 0;
  }
}

function holdsMostOfItsMemory(chunk: Buffer): boolean {
  return chunk.length >= minSlabBytes && chunk.length * 2 >= chunk.buffer.byteLength;
}
