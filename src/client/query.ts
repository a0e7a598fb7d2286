/** Options as the query of a request, with its `?`; what is undefined is left out. */
export function queryOf(options: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(options))
    if (value !== undefined) query.set(name, value instanceof Date ? value.toISOString() : String(value))
  return query.size > 0 ? `?${query}` : ''
}
