/**
 * The part of a content that a request wants: bytes `start` to `end`, both included; all of it; or none that there is.
 */
export type Part = { readonly start: number; readonly end: number } | 'all' | 'none'

/**
 * The part that `Range` asks for (RFC 9110 §14.2) of a content of `length` bytes. What cannot be read, another unit,
 * and several ranges at once, which a server may leave, ask for all.
 */
export function partOf(header: string | undefined, length: number): Part {
  const [, first, last] = /^bytes[ \t]*=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'all'
  if (first === '')
    return Number(last) === 0 || length === 0 ? 'none' : { start: Math.max(0, length - Number(last)), end: length - 1 }
  const start = Number(first)
  const end = last === '' ? length - 1 : Math.min(Number(last), length - 1)
  if (last !== '' && Number(last) < start) return 'all'
  return start >= length ? 'none' : { start, end }
}
