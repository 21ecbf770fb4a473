/**
 * Replaces `$(NAME)` by what `lookup` gives. `$$` becomes `$`, so `$$(NAME)` stays `$(NAME)`;
 * a name that `lookup` doesn't know, an unclosed `$(` and a lone `$` stay as they are.
 * Source: Kubernetes, "Define Dependent Environment Variables"; third_party/forked/golang/expansion.
 */
export function expandVariables(
  text: string,
  lookup: (name: string) => string | undefined,
): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (lookup(name) ?? whole),
  );
}
