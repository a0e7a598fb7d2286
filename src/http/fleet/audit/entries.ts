import type { Context } from 'hono'
import type { AuditEntryDocument, AuditPageDocument } from '../../../protocol/auditDocument.ts'
import { toJson } from '../../../protocol/plainJson.ts'
import type { AuditEntry, AuditPage, AuditQuery } from '../../../recorder/recording.ts'
import { ArgumentError } from '../../../std/errors.ts'
import { roleProblem } from '../../access/roles.ts'
import type { HttpScope } from '../../apiContext.ts'
import { readQuery, requireLimit, requireMoment, requireWord, wrongParameter } from '../../input/query.ts'
import { nextLink, respondDocument } from '../../output/document.ts'
import { respondProblem } from '../../output/problem.ts'
import { auditorOf } from './auditor.ts'
import type { AuditLog } from './openAuditLog.ts'

const READERS = {
  who: requireWord,
  action: requireWord,
  since: requireMoment,
  until: requireMoment,
  limit: requireLimit,
  cursor: requireWord,
}
const DEFAULT_LIMIT = 50
/** Entries that an export reads at once. */
const EXPORT_PAGE = 500

type Format = 'json' | 'csv' | 'ndjson'
const TYPES: Readonly<Record<Exclude<Format, 'json'>, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson',
}

/**
 * `GET /audit`: who changed what, or was refused, newest first, by page; with `Accept: text/csv` or
 * `application/x-ndjson` all that fit, as a file. For admins.
 */
export async function listAudit(c: Context, { app }: HttpScope): Promise<Response> {
  const { path } = c.req
  const forbidden = roleProblem(c, 'admin', 'to read the audit log')
  if (forbidden) return respondProblem(forbidden, path)
  const query = readQuery(c.req.url, READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const log = await auditorOf(app).log()
  if (!log) {
    const detail = 'the app has no recorder (`recorder: false`): the audit log is in its own log'
    return respondProblem({ kind: 'not-recorded', detail }, path)
  }
  const format = formatOf(c.req.header('accept'))
  try {
    if (format !== 'json') return await respondExport(log, query.values, format)
    return respondPage(c, await log.auditLog({ limit: DEFAULT_LIMIT, ...query.values }))
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    return respondProblem(wrongParameter('cursor', 'expected one that a page gave'), path)
  }
}

function formatOf(accept: string | undefined): Format {
  if (accept === undefined) return 'json'
  if (/(?:^|[\s,])text\/csv(?:$|[\s,;])/i.test(accept)) return 'csv'
  return /(?:^|[\s,])application\/(?:x-)?ndjson(?:$|[\s,;])/i.test(accept) ? 'ndjson' : 'json'
}

function respondPage(c: Context, { entries, cursor }: AuditPage): Response {
  const page: AuditPageDocument = { entries: entries.map(documentOf), ...(cursor !== undefined && { cursor }) }
  return respondDocument(page, { headers: { vary: 'Accept', ...nextLink(c, 'audit', cursor) } })
}

/** The first page is read before the answer begins: what is wrong with the question is a problem. */
async function respondExport(
  log: AuditLog,
  { limit = Number.POSITIVE_INFINITY, ...filter }: Partial<AuditQuery>,
  format: Exclude<Format, 'json'>,
): Promise<Response> {
  const first = await log.auditLog({ ...filter, limit: Math.min(limit, EXPORT_PAGE) })
  const lineOf = format === 'csv' ? csvLine : (entry: AuditEntry): string => `${toJson(documentOf(entry))}\n`
  async function* parts(): AsyncGenerator<Uint8Array, void, void> {
    const text = (entries: readonly AuditEntry[]): Uint8Array => Buffer.from(entries.map(lineOf).join(''))
    if (format === 'csv') yield Buffer.from(CSV_HEADER)
    yield text(first.entries)
    let left = limit - first.entries.length
    for (let { cursor } = first; cursor !== undefined && left > 0; ) {
      const page = await log.auditLog({ ...filter, cursor, limit: Math.min(left, EXPORT_PAGE) })
      yield text(page.entries)
      left -= page.entries.length
      cursor = page.cursor
    }
  }
  const headers = {
    'content-type': TYPES[format],
    'content-disposition': `attachment; filename="audit.${format}"`,
    'cache-control': 'no-store',
    vary: 'Accept',
    'x-content-type-options': 'nosniff',
  }
  return new Response(ReadableStream.from(parts()) as ReadableStream<Uint8Array<ArrayBuffer>>, { headers })
}

function documentOf({ at, who, address, action, target, status, details }: AuditEntry): AuditEntryDocument {
  return {
    at: new Date(at).toISOString(),
    who,
    ...(address !== undefined && { address }),
    ...{ action, target, status },
    ...(details && { details }),
  }
}

const CSV_HEADER = 'at,who,address,action,target,status,details\r\n'

/** RFC 4180. */
function csvLine(entry: AuditEntry): string {
  const { at, who, address = '', action, target, status, details } = documentOf(entry)
  return `${[at, who, address, action, target, String(status), details ? toJson(details) : ''].map(csvField).join(',')}\r\n`
}

/** A program for tables takes what begins so for a formula: names in it are those of strangers. */
function csvField(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}
