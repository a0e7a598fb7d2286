import { parseJson } from './json.ts'
import type { Problem } from './problem.ts'

/** A request's body: none, a JSON value, or the problem with it. */
export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly problem: Problem }

type Bytes =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly problem: Problem }

const JSON_TYPE = 'application/json'
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Read a request's body as JSON. An empty body is none, of whatever type. Never holds more than `maxBody` bytes
 * (and the last chunk), whether the length was announced or not.
 */
export async function readBody(request: Request, maxBody: number): Promise<Body> {
  const read = await readBytes(request, maxBody)
  if (read.kind === 'refused') return read
  if (read.bytes.length === 0) return { kind: 'none' }
  const wrong = typeProblem(request.headers)
  if (wrong) return { kind: 'refused', problem: wrong }
  return parse(read.bytes)
}

async function readBytes(request: Request, maxBody: number): Promise<Bytes> {
  const announced = request.headers.get('content-length')
  if (announced !== null && Number(announced) > maxBody) return tooLarge(maxBody)
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

function tooLarge(maxBody: number): Bytes {
  const detail = `at most ${maxBody} bytes are accepted`
  // The rest of the body is not read: the connection cannot serve another request.
  return { kind: 'refused', problem: { kind: 'body-too-large', detail, headers: { connection: 'close' } } }
}

function typeProblem(headers: Headers): Problem | undefined {
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    const detail = `expected a body without Content-Encoding, got ${JSON.stringify(encoding)}`
    return { kind: 'unsupported-media-type', detail, headers: { 'accept-encoding': 'identity' } }
  }
  const type = headers.get('content-type')
  if (type === JSON_TYPE || (type !== null && isJson(type))) return undefined
  const got = type === null ? 'none' : JSON.stringify(type)
  return {
    kind: 'unsupported-media-type',
    detail: `expected Content-Type: ${JSON_TYPE} in UTF-8, got ${got}`,
    headers: { accept: JSON_TYPE },
  }
}

/** `application/json` or a type with the suffix `+json`; a charset, where given, must be UTF-8 or its subset ASCII. */
function isJson(type: string): boolean {
  const [media = '', ...parameters] = type.split(';')
  if (!/^application\/(?:json|[\w.!#$&^-]+\+json)$/i.test(media.trim())) return false
  return parameters.every((parameter) => {
    const charset = /^\s*charset\s*=\s*"?([^"]*?)"?\s*$/i.exec(parameter)?.[1]
    return charset === undefined || /^(?:utf-?8|us-ascii)$/i.test(charset)
  })
}

function parse(bytes: Uint8Array): Body {
  let text: string
  try {
    text = UTF8.decode(bytes)
  } catch {
    return malformed('the body is not UTF-8')
  }
  const parsed = parseJson(text)
  if (parsed.kind === 'value') return parsed
  const { position, reason } = parsed
  return malformed(
    position === undefined ? reason : `not JSON at position ${position}: ${reason}`,
    position === undefined ? undefined : { position },
  )
}

function malformed(detail: string, members?: Readonly<Record<string, unknown>>): { kind: 'refused'; problem: Problem } {
  return { kind: 'refused', problem: { kind: 'malformed-body', detail, members } }
}
