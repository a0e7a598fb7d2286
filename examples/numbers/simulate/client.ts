import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/*
 * A client, as one would write it who knows nothing but the addresses and fields. Its GETs have a JSON body.
 */

const BASE = process.env.NUMBERS_URL || 'http://127.0.0.1:5000'
/** ms between two questions. */
const PAUSE = 200

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: JSON, whose form depends on the question.
  readonly json: any
}

/** Send a request with a JSON body, whatever its method. */
export function send(method: 'GET' | 'POST', path: string, data: unknown, base: string = BASE): Promise<Answer> {
  const body = JSON.stringify(data)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, base), { method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** What must not be answered otherwise: 200 or 201. */
export async function ask(method: 'GET' | 'POST', path: string, data: unknown): Promise<Answer['json']> {
  const { status, json } = await send(method, path, data)
  if (status !== 200 && status !== 201) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`)
  return json
}

/** Wait until a task has ended; its answer. */
export async function ended(taskID: string): Promise<string> {
  for (;;) {
    const { status, response } = await ask('GET', '/check_request', { taskID })
    if (['SUCCESS', 'FAILURE', 'REVOKED'].includes(status)) return response
    await sleep(PAUSE)
  }
}

/** The only argument of both scripts. */
export function ridArgument(script: string): string | number {
  const [rid] = process.argv.slice(2)
  if (rid !== undefined) return /^\d{1,15}$/.test(rid) ? Number(rid) : rid
  console.error(`usage: node ${script}.ts RID, an id that no request has had yet`)
  process.exit(2)
}
