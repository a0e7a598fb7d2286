import type { Context } from 'hono'
import type { InputError, Problem } from '../output/problem.ts'
import { headersOf } from './header.ts'
import { parseJson } from './json.ts'
import type { Part } from './multipart.ts'

/**
 * A request's body: none, a JSON value, bytes of a type that is taken, a form, or the problem with it. `bytes` are as
 * they came.
 */
export type Body =
  | { readonly kind: 'none'; readonly bytes: Uint8Array }
  | { readonly kind: 'value'; readonly value: unknown; readonly bytes: Uint8Array }
  | { readonly kind: 'raw'; readonly bytes: Uint8Array }
  | { readonly kind: 'form'; readonly parts: readonly Part[]; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly problem: Problem }

type Bytes =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly problem: Problem }

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'multipart/form-data'
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Read a request's body as JSON, or as one of the media types in `accepts` (`image/*` is all of them). An empty body is
 * none, of whatever type. Never holds more than `maxBody` bytes (and the last chunk), whether the length was announced
 * or not.
 */
export async function readBody(c: Context, maxBody: number, accepts: readonly string[] = []): Promise<Body> {
  const read = await readBytes(c.req.raw, headersOf(c)('content-length'), maxBody)
  return read.kind === 'refused' ? read : bodyOf(c, read.bytes, accepts)
}

/** The same of bytes that did not come in the body, of the type that the request says. */
export async function bodyOf(c: Context, bytes: Uint8Array, accepts: readonly string[] = []): Promise<Body> {
  if (bytes.length === 0) return { kind: 'none', bytes }
  const header = headersOf(c)
  const encoded = encodingProblem(header('content-encoding'))
  if (encoded) return { kind: 'refused', problem: encoded }
  const type = header('content-type')
  if (type === JSON_TYPE || (type !== null && isJson(type))) return parseBody(bytes)
  const media = (type?.split(';', 1)[0] as string | undefined)?.trim().toLowerCase()
  if (media === undefined || !accepts.some((range) => covers(range, media))) return refused(typeProblem(type, accepts))
  if (media !== FORM_TYPE) return { kind: 'raw', bytes }
  const { parseMultipart } = await import('./multipart.ts')
  const form = parseMultipart(bytes, type as string)
  return form.kind === 'parts' ? { kind: 'form', parts: form.parts, bytes } : malformed(form.reason)
}

async function readBytes(request: Request, announced: string | null, maxBody: number): Promise<Bytes> {
  if (announced !== null && Number(announced) > maxBody) return tooLarge(maxBody, Number(announced) > MAX_DRAINED_BYTES)
  try {
    return announced === null ? await readStream(request, maxBody) : await readWhole(request, maxBody)
  } catch (error) {
    return malformed(`the body broke off: ${(error as Error).message}`)
  }
}

/** HTTP holds a body to its announced length: one read, without a stream. */
async function readWhole(request: Request, maxBody: number): Promise<Bytes> {
  const bytes = new Uint8Array(await request.arrayBuffer())
  return bytes.length > maxBody ? tooLarge(maxBody) : { kind: 'bytes', bytes }
}

async function readStream(request: Request, maxBody: number): Promise<Bytes> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request.body ?? []) {
    length += chunk.length
    if (length > maxBody) return tooLarge(maxBody)
    chunks.push(chunk)
  }
  return { kind: 'bytes', bytes: Buffer.concat(chunks, length) }
}

/**
 * What is announced to be no longer than this is read and dropped behind the answer, for half a second at most: to
 * close at once would cut off a client that still sends, and the answer with it.
 */
const MAX_DRAINED_BYTES = 8 * 1024 * 1024

function tooLarge(maxBody: number, close = true): Bytes {
  const detail = `at most ${maxBody} bytes are accepted`
  const headers = close ? { connection: 'close' } : undefined
  return { kind: 'refused', problem: { kind: 'body-too-large', detail, headers } }
}

function encodingProblem(encoding: string | null): Problem | undefined {
  if (encoding === null || encoding.toLowerCase() === 'identity') return undefined
  const detail = `expected a body without Content-Encoding, got ${JSON.stringify(encoding)}`
  return { kind: 'unsupported-media-type', detail, headers: { 'accept-encoding': 'identity' } }
}

function typeProblem(type: string | null, accepts: readonly string[]): Problem {
  const expected = [`${JSON_TYPE} in UTF-8`, ...accepts].join(', ')
  return {
    kind: 'unsupported-media-type',
    detail: `expected Content-Type: ${expected}; got ${type === null ? 'none' : JSON.stringify(type)}`,
    headers: { accept: [JSON_TYPE, ...accepts].join(', ') },
  }
}

/** A range is a media type, or `image/*`; both in lower case. */
function covers(range: string, media: string): boolean {
  return range.endsWith('/*') ? media.startsWith(range.slice(0, -1)) && media.length >= range.length : range === media
}

function refused(problem: Problem): { kind: 'refused'; problem: Problem } {
  return { kind: 'refused', problem }
}

/** `application/json` or a type with the suffix `+json`; a charset, where given, must be UTF-8 or its subset ASCII. */
function isJson(type: string): boolean {
  const [media = '', ...parameters] = type.split(';')
  if (!/^application\/(?:json|[\w.!#$&^-]+\+json)$/i.test(media.trim())) return false
  return parameters.every((parameter) => {
    const [name = '', value = ''] = parameter.split('=', 2).map((part) => part.trim())
    return name.toLowerCase() !== 'charset' || /^(?:"(?:utf-?8|us-ascii)"|utf-?8|us-ascii)$/i.test(value)
  })
}

/** A body of JSON. */
export function parseBody(bytes: Uint8Array): Body {
  let text: string
  try {
    text = UTF8.decode(bytes)
  } catch {
    return malformed('the body is not UTF-8')
  }
  const parsed = parseJson(text)
  if (parsed.kind === 'value') return { kind: 'value', value: parsed.value, bytes }
  if (parsed.kind === 'unsendable') {
    const errors: InputError[] = [{ pointer: '#', code: 'unsendable', detail: parsed.reason }]
    return { kind: 'refused', problem: { kind: 'invalid-input', detail: parsed.reason, members: { errors } } }
  }
  const { position, reason } = parsed
  return malformed(
    position === undefined ? reason : `not JSON at position ${position}: ${reason}`,
    position === undefined ? undefined : { position },
  )
}

function malformed(detail: string, members?: Readonly<Record<string, unknown>>): { kind: 'refused'; problem: Problem } {
  return { kind: 'refused', problem: { kind: 'malformed-body', detail, members } }
}
