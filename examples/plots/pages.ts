import { readFileSync } from 'node:fs'
import type { Progress } from './progress.ts'

/*
 * The pages: files of pages/ with places `{{ name }}` to fill in. Nothing comes from elsewhere, and the policy says so to the browser.
 */

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}
const ASSETS: Readonly<Record<string, string>> = {
  'style.css': 'text/css; charset=utf-8',
  'image.js': 'text/javascript; charset=utf-8',
}

/** The link that starts it all. */
export function homePage(): Response {
  return respondPage('index.html', 200)
}

/** The page of a job, as it stands now. */
export function imagePage(jobid: string, { state = '', progress = 0 }: Progress): Response {
  return respondPage('image.html', 200, {
    JOBID: jobid,
    QUERY: encodeURIComponent(jobid),
    STATE: state,
    PROGRESS: progress,
  })
}

export function unknownPage(): Response {
  return respondPage('unknown.html', 404)
}

/** What the pages themselves need. */
export function respondAsset(name: string): Response {
  const type = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined
  if (type === undefined) return new Response(null, { status: 404 })
  return new Response(read(name), {
    headers: { 'content-type': type, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' },
  })
}

function respondPage(name: string, status: number, values: Readonly<Record<string, string | number>> = {}): Response {
  const html = read(name).replace(/\{\{ (\w+) \}\}/g, (_, key: string) => escaped(String(values[key] ?? '')))
  return new Response(html, { status, headers: HEADERS })
}

const texts = new Map<string, string>()

function read(name: string): string {
  const text = texts.get(name) ?? readFileSync(new URL(`pages/${name}`, import.meta.url), 'utf8')
  texts.set(name, text)
  return text
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
