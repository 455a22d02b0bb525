/** Whether labels satisfy `key` and `key=value` filters. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((entry) => {
    const cut = entry.indexOf('=')
    const key = cut < 0 ? entry : entry.slice(0, cut)
    return key in labels && (cut < 0 || labels[key] === entry.slice(cut + 1))
  })
}
