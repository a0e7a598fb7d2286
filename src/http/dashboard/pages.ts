import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Context } from 'hono'
import { packageFile } from '../../std/packageFile.ts'
import { isNamed } from '../output/etag.ts'
import { respondProblem } from '../output/problem.ts'

/** A file of the pages. */
interface PageFile {
  readonly type: string
  readonly plain: Buffer<ArrayBuffer>
  readonly zipped: Buffer<ArrayBuffer>
  readonly etag: string
  /** Its name changes with its content. */
  readonly isFixed: boolean
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
}
const YEAR_S = 31_536_000
const GZIP_LEVEL = 9

/** Of a page: nothing but what comes from here is loaded, run or asked; the page is in no frame. */
const PAGE_POLICY: string = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data: blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

/** Where a page is, and its file. */
const PAGES = { dashboard: 'index.html', docs: 'docs.html' }

/**
 * `GET /dashboard` or `GET /docs`, and the files of the page, from the package itself. They contain no secret, so they
 * need no authentication; what they show comes from the REST API, with what the user may see.
 */
export class Pages {
  readonly #base: string
  readonly #name: keyof typeof PAGES
  #reading: Promise<ReadonlyMap<string, PageFile>> | undefined

  /** `base`: path of the API before `/jobs`. */
  constructor(name: keyof typeof PAGES, base: string) {
    this.#name = name
    this.#base = base
  }

  async answer(c: Context): Promise<Response> {
    // The page's own links are relative to a path without the slash.
    if (c.req.path.endsWith('/')) return new Response(null, { status: 308, headers: { location: `../${this.#name}` } })
    const file = (await this.#files()).get(c.req.param('file') ?? '')
    if (file) return respondFile(c, file)
    return respondProblem({ kind: 'not-found', detail: `nothing is at ${c.req.path}` }, c.req.path)
  }

  /** Read once; what failed is tried again. */
  #files(): Promise<ReadonlyMap<string, PageFile>> {
    this.#reading ??= readPages(PAGES[this.#name], this.#base).catch((error) => {
      this.#reading = undefined
      throw error
    })
    return this.#reading
  }
}

function respondFile(c: Context, { type, plain, zipped, etag, isFixed }: PageFile): Response {
  const headers = {
    etag,
    'cache-control': isFixed ? `public, max-age=${YEAR_S}, immutable` : 'no-cache',
    vary: 'accept-encoding',
    'x-content-type-options': 'nosniff',
  }
  if (isNamed(c.req.header('if-none-match'), etag)) return new Response(null, { status: 304, headers })
  const takesGzip = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/i.test(c.req.header('accept-encoding') ?? '')
  const own = {
    'content-type': type,
    'content-security-policy': PAGE_POLICY,
    'referrer-policy': 'no-referrer',
    ...(takesGzip && { 'content-encoding': 'gzip' }),
  }
  return new Response(takesGzip ? zipped : plain, { headers: { ...headers, ...own } })
}

/** The page, as ``, and all of its files by their names. The sources have them where `npm run build` puts them. */
async function readPages(page: string, base: string): Promise<ReadonlyMap<string, PageFile>> {
  const place = import.meta.url.endsWith('.ts') ? '../dist/dashboard' : 'dashboard'
  const html = packageFile(import.meta.url, 'http/dashboard/pages', `${place}/${page}`)
  const names = (await readdir(fileURLToPath(new URL('.', html)))).filter((name) => extname(name) in TYPES)
  const files = names
    .filter((name) => name === page || extname(name) !== '.html')
    .map(async (name) => {
      const bytes = await readFile(new URL(name, html))
      const plain = name === page ? Buffer.from(bytes.toString('utf8').replace('{base}', base)) : bytes
      return [name === page ? '' : name, pageFile(name, plain as Buffer<ArrayBuffer>)] as const
    })
  return new Map(await Promise.all(files))
}

function pageFile(name: string, plain: Buffer<ArrayBuffer>): PageFile {
  const extension = extname(name)
  return {
    type: TYPES[extension] as string,
    plain,
    zipped: gzipSync(plain, { level: GZIP_LEVEL }) as Buffer<ArrayBuffer>,
    etag: `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`,
    isFixed: extension === '.js' || extension === '.css',
  }
}
