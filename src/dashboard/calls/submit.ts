import { stringify } from '../../client/json.ts'
import { problemOf } from '../../client/problem.ts'
import type { Json } from '../form/model/json.ts'
import type { CallApi } from './api.ts'

/** What a task is called with. */
export type CallBody = { readonly json: Json } | { readonly file: File; readonly asForm: boolean }

export interface Submission {
  /** Of the task, below the mount of the API. */
  readonly path: string
  readonly body: CallBody
  readonly headers?: Readonly<Record<string, string>>
  /** Its input may be put before the call. */
  readonly hasUploads: boolean
}

/** A longer file is put before the call, where the API takes that: a body may be too long. */
const UPLOADED_BYTES = 512 * 1024

/** Call the task; the id of its job. Throws ProblemError for an answer that says no. */
export async function submitCall(api: CallApi, { path, body, headers, hasUploads }: Submission): Promise<string> {
  const isLong = 'file' in body && !body.asForm && hasUploads && body.file.size > UPLOADED_BYTES
  const upload = isLong ? await uploaded(api, body.file) : undefined
  const own =
    upload === undefined ? contentOf(body) : { headers: { 'celeriac-upload': upload, 'content-type': typeOf(body) } }
  const response = await sent(api, `${api.url}${path}`, {
    method: 'POST',
    ...own,
    headers: { ...own.headers, ...headers },
  })
  return ((await response.json()) as { id: string }).id
}

async function sent(api: CallApi, url: string, init: RequestInit): Promise<Response> {
  const response = await api.fetch(url, init)
  if (!response.ok) throw await problemOf(response)
  return response
}

/** The token of the upload; undefined where the page may not reach the server that takes it. */
async function uploaded(api: CallApi, file: File): Promise<string | undefined> {
  const opened = await sent(api, `${api.url}${api.base}/payloads`, { method: 'POST' })
  const { url, upload } = (await opened.json()) as { url: string; upload: string }
  const place = new URL(url, location.href)
  if (place.origin !== location.origin) return undefined
  await sent(api, place.href, { method: 'PUT', body: file })
  return upload
}

function typeOf(body: CallBody): string {
  return 'file' in body ? body.file.type || 'application/octet-stream' : 'application/json'
}

function contentOf(body: CallBody): { body: BodyInit; headers?: Readonly<Record<string, string>> } {
  const headers = { 'content-type': typeOf(body) }
  if (!('file' in body)) return { body: stringify(body.json), headers }
  if (!body.asForm) return { body: body.file, headers }
  const form = new FormData()
  form.append('file', body.file)
  return { body: form }
}
