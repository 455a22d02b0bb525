/** An OCI spec, or a process of one, as text. A limit of −1 is none, which is more than a JavaScript number can say. */
export function ociJson(spec: unknown): string {
  return JSON.stringify(spec).replaceAll(/"(soft|hard)":-1(?=[,}])/g, '"$1":18446744073709551615')
}
