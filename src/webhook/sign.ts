import { createHmac } from 'node:crypto'

const SECRET_PREFIX = 'whsec_'

/**
 * The headers of Standard Webhooks (https://www.standardwebhooks.com): id, time, and one `v1` signature (HMAC-SHA256)
 * for each secret, so that a receiver that knows any of them accepts it.
 */
export function signedHeaders(
  id: string,
  body: string,
  secrets: readonly string[],
  now: number,
): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000))
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
