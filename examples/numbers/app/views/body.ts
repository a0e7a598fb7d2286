import type { IncomingMessage } from 'node:http'
import type { Context } from 'hono'
import type { z } from 'zod'
import { Problem } from './problem.ts'

/** Bytes of a body. */
const MAX_BODY = 256 * 1024

/** A request's data, by its schema; of none each field is missing. Throws the Problem to answer. */
export function checked<Schema extends z.ZodType>(schema: Schema, data: unknown): z.output<Schema> {
  const { data: value, error } = schema.safeParse(data === undefined ? {} : data)
  if (!error) return value as z.output<Schema>
  const errors = error.issues.map(({ path, message }) => ({ pointer: ['#', ...path].join('/'), detail: message }))
  throw new Problem(
    422,
    'The request cannot be processed',
    errors.map(({ pointer, detail }) => [pointer.slice(2), detail].filter(Boolean).join(': ')).join('; '),
    errors,
  )
}

/** The JSON of a request's body, whatever type it says to have, as `curl -d` says none; undefined where the body is empty. */
export async function jsonBody(c: Context): Promise<unknown> {
  const text = await bodyText(c)
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Problem(400, 'The body cannot be read', `expected JSON: ${(error as Error).message}`)
  }
}

/** What a standard Request leaves out is a GET's body; Node's own request has it. */
async function bodyText(c: Context): Promise<string> {
  const { incoming } = c.env as { incoming?: IncomingMessage }
  const body: AsyncIterable<Uint8Array> | null | undefined = c.req.method === 'GET' ? incoming : c.req.raw.body
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > MAX_BODY) throw new Problem(413, 'The body is too large', `expected at most ${MAX_BODY} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
