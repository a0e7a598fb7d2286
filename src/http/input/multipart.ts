import { parseJson } from './json.ts'

/** One part of a form: text, JSON by its own Content-Type, or the bytes of a file. */
export interface Part {
  readonly name: string
  readonly value: unknown
}

/** What `parseMultipart` made of a body. */
export type Form =
  | { readonly kind: 'parts'; readonly parts: readonly Part[] }
  | { readonly kind: 'error'; readonly reason: string }

const MAX_PARTS = 100
/** Bytes of one part's headers. */
const MAX_HEADER_BYTES = 8 * 1024
const NAME_PARAMETER = /;\s*name\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i
const FILENAME_PARAMETER = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Parse a body of multipart/form-data (RFC 7578): at most 100 parts, each with a name. The files' own names are not
 * kept.
 */
export function parseMultipart(bytes: Uint8Array, contentType: string): Form {
  const boundary = boundaryOf(contentType)
  if (boundary === undefined) return wrong('expected a boundary of 1 to 70 characters in Content-Type')
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  // The first delimiter has no line before it.
  let at = body.indexOf(delimiter.subarray(2)) === 0 ? delimiter.length - 2 : after(body, delimiter, 0)
  const parts: Part[] = []
  for (;;) {
    if (at === -1) return wrong('the form broke off: no delimiter at its end')
    if (body.toString('latin1', at, at + 2) === '--') return { kind: 'parts', parts }
    const start = lineEnd(body, at)
    const end = start === -1 ? -1 : body.indexOf(delimiter, start - 2)
    if (end === -1) return wrong('the form broke off: no delimiter at its end')
    if (parts.length === MAX_PARTS) return wrong(`expected at most ${MAX_PARTS} parts`)
    const part = parsePart(body, start, Math.max(start, end))
    if (typeof part === 'string') return wrong(`part ${parts.length + 1}: ${part}`)
    parts.push(part)
    at = end + delimiter.length
  }
}

/** RFC 2046 §5.1.1. */
function boundaryOf(contentType: string): string | undefined {
  const [, quoted, plain] = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;]+))/i.exec(contentType) ?? []
  const boundary = quoted ?? plain ?? ''
  return /^[\w'()+,./:=? -]{1,70}$/.test(boundary) ? boundary : undefined
}

function after(body: Buffer, delimiter: Buffer, from: number): number {
  const found = body.indexOf(delimiter, from)
  return found === -1 ? -1 : found + delimiter.length
}

/** Where the line that only white space fills has ended; -1 where something else is in it. */
function lineEnd(body: Buffer, from: number): number {
  const end = body.indexOf('\r\n', from)
  return end !== -1 && /^[ \t]*$/.test(body.toString('latin1', from, end)) ? end + 2 : -1
}

/** The part, or what is wrong with it. */
function parsePart(body: Buffer, start: number, end: number): Part | string {
  const empty = body.toString('latin1', start, start + 2) === '\r\n'
  const blank = empty ? start - 2 : body.indexOf('\r\n\r\n', start)
  if (blank === -1 || blank + 4 > end + (empty ? 2 : 0)) return 'expected headers, then an empty line'
  if (blank - start > MAX_HEADER_BYTES) return `expected at most ${MAX_HEADER_BYTES} bytes of headers`
  const headers = body.toString('utf8', start, Math.max(start, blank)).split('\r\n')
  const disposition = headerOf(headers, 'content-disposition') ?? ''
  const name = parameterOf(disposition, NAME_PARAMETER)
  if (!/^form-data\s*(?:;|$)/i.test(disposition) || name === undefined || name === '')
    return 'expected Content-Disposition: form-data with a name'
  if (name === '__proto__') return 'the name __proto__ is not accepted'
  const content = body.subarray(blank + 4, end)
  const isFile = parameterOf(disposition, FILENAME_PARAMETER) !== undefined
  return partOf(name, content, isFile, headerOf(headers, 'content-type'))
}

function partOf(name: string, content: Buffer, isFile: boolean, type: string | undefined): Part | string {
  if (isFile) return { name, value: new Uint8Array(content) }
  let text: string
  try {
    text = UTF8.decode(content)
  } catch {
    return `${JSON.stringify(name)} is not UTF-8`
  }
  if (type === undefined || !/^application\/json\s*(?:;|$)/i.test(type)) return { name, value: text }
  const parsed = parseJson(text)
  return parsed.kind === 'value'
    ? { name, value: parsed.value }
    : `${JSON.stringify(name)} is not JSON: ${parsed.reason}`
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  const line = headers.find((header) => header.slice(0, header.indexOf(':')).trim().toLowerCase() === name)
  return line?.slice(line.indexOf(':') + 1).trim()
}

/** A parameter of a header; browsers write a quote in it as %22. */
function parameterOf(header: string, parameter: RegExp): string | undefined {
  const found = parameter.exec(header)
  if (!found) return undefined
  const value = found[1]?.replace(/\\(.)/g, '$1') ?? found[2] ?? ''
  return value.replace(/%22/g, '"').replace(/%0D/gi, '\r').replace(/%0A/gi, '\n')
}

function wrong(reason: string): Form {
  return { kind: 'error', reason }
}
