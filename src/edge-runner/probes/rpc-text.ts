/** A failed gRPC call in the words of Go's library; `code` is a gRPC code such as `NOT_FOUND`. */
export function rpcProblem(code: string, detail: string): string {
  const words = code.toLowerCase().split('_');
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return `rpc error: code = ${name} desc = ${detail}`;
}
