const quote = 0x22;
const backslash = 0x5c;

/**
 * Whether JSON text nests arrays and objects deeper than allowed; found without parsing, for what is
 * deep costs a parser much memory and whoever walks it later his stack. Text that is no JSON gives either
 * answer, but never lets a parser get deeper before it notices.
 */
export function nestsDeeper(json: Uint8Array, maxDepth: number): boolean {
  if (json.length <= maxDepth) return false;
  let depth = 0;
  for (let i = 0; i < json.length; i += 1) {
    switch (json[i]) {
      case quote:
        i = endOfString(json, i);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > maxDepth) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
      default:
    }
  }
  return false;
}

/** Where the quote is that ends the string which begins here; past the end when there is none. */
function endOfString(json: Uint8Array, start: number): number {
  let end = json.indexOf(quote, start + 1);
  while (end >= 0 && isEscaped(json, end)) end = json.indexOf(quote, end + 1);
  return end < 0 ? json.length : end;
}

function isEscaped(json: Uint8Array, index: number): boolean {
  let first = index;
  while (json[first - 1] === backslash) first -= 1;
  return (index - first) % 2 === 1;
}
