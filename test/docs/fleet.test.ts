import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FleetApp, startFleetApp } from './fleetApp.ts'

/*
 * docs/fleet.md: each block of `curl` lines is run, and its last answer held against the JSON block that follows. A line
 * is answered with 2xx, unless a comment behind it names the status (`# 403`).
 */

const PAGE = readFileSync(new URL('../../docs/fleet.md', import.meta.url), 'utf8')

interface Example {
  readonly section: string
  readonly lines: readonly string[]
  /** What the answer to the last line contains. */
  readonly shown: unknown
}

function examplesOf(page: string): Example[] {
  return page.split(/^## /m).flatMap((section) => {
    const [title = ''] = section.split('\n', 1)
    const blocks = [...section.matchAll(/^```sh\n(curl [\s\S]*?)^```$(?:\n+```json\n([\s\S]*?)^```$)?/gm)]
    return blocks.map(([, lines = '', json]) => ({
      section: title,
      lines: lines.trim().split('\n'),
      shown: json === undefined ? undefined : JSON.parse(json),
    }))
  })
}

let app: FleetApp
beforeAll(async () => {
  app = await startFleetApp()
})
afterAll(() => app[Symbol.asyncDispose]())

const EXAMPLES = examplesOf(PAGE)

test('the page has examples of each resource', () => {
  expect(EXAMPLES.length).toBeGreaterThan(8)
})

describe.each(EXAMPLES.map((example) => [example.section, example.lines.join(' · '), example] as const))(
  '%s',
  (_, title, { lines, shown }) => {
    test(title, async () => {
      let text = ''
      for (const line of lines) {
        const { status, body } = await curl(line)
        const expected = /\s# (\d{3})$/.exec(line)?.[1]
        if (expected === undefined) expect([line, status < 300, body]).toEqual([line, true, body])
        else expect([line, status]).toEqual([line, Number(expected)])
        text = body
      }
      if (shown !== undefined) expect(differences(shown, JSON.parse(text), '')).toEqual([])
    })
  },
)

/** As the shell and curl would: knows variables, quotes, `-X`, `-H`, `-d` and `-i`. */
async function curl(line: string): Promise<{ readonly status: number; readonly body: string }> {
  const words = [...line.replace(/\s# .*$/, '').matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)].map(
    ([, double, single, plain]) => single ?? withVariables(double ?? plain ?? ''),
  )
  const headers: [string, string][] = []
  let [method, body, url]: (string | undefined)[] = []
  for (let at = 1; at < words.length; at++) {
    const word = words[at] as string
    if (word === '-X') method = words[++at]
    else if (word === '-d') body = words[++at]
    else if (word === '-H') {
      const header = words[++at] as string
      const colon = header.indexOf(':')
      headers.push([header.slice(0, colon), header.slice(colon + 1).trim()])
    } else if (word.startsWith('-')) throw new Error(`expected -X, -H or -d, got ${word} in ${line}`)
    else url = word
  }
  const sent = { method: method ?? (body === undefined ? 'GET' : 'POST'), headers, ...(body !== undefined && { body }) }
  const response = await fetch(url as string, sent)
  if (response.headers.get('content-type') !== 'text/event-stream')
    return { status: response.status, body: await response.text() }
  // It has no end.
  await response.body?.cancel()
  return { status: response.status, body: '' }
}

function withVariables(text: string): string {
  return text.replace(/\$([A-Z]+)/g, (_, name: string) => {
    const value = app.variables[name]
    if (value === undefined)
      throw new Error(`no variable ${name}: fleetApp.ts has ${Object.keys(app.variables).join()}`)
    return value
  })
}

/**
 * Where an answer does not have what the page shows. Of an object the shown members count, of a list some item for each
 * that is shown; numbers and times differ from day to day; `…` stands for any text.
 */
function differences(shown: unknown, got: unknown, path: string): string[] {
  if (Array.isArray(shown)) {
    if (!Array.isArray(got)) return [`${path}: expected a list, got ${JSON.stringify(got)}`]
    return shown.flatMap((item, at) =>
      got.some((one) => differences(item, one, path).length === 0)
        ? []
        : [`${path}[${at}]: expected ${JSON.stringify(item)} in ${JSON.stringify(got)}`],
    )
  }
  if (typeof shown === 'object' && shown !== null) {
    if (typeof got !== 'object' || got === null) return [`${path}: expected an object, got ${JSON.stringify(got)}`]
    return Object.entries(shown).flatMap(([name, value]) =>
      differences(value, (got as Record<string, unknown>)[name], `${path}.${name}`),
    )
  }
  return fits(shown, got) ? [] : [`${path}: expected ${JSON.stringify(shown)}, got ${JSON.stringify(got)}`]
}

function fits(shown: unknown, got: unknown): boolean {
  if (typeof shown !== typeof got) return false
  if (typeof shown !== 'string') return typeof shown === 'number' || shown === got
  const text = got as string
  if (/^\d{4}-\d\d-\d\dT/.test(shown)) return !Number.isNaN(Date.parse(text))
  const [start = '', ...parts] = shown.split('…')
  if (parts.length === 0) return shown === text
  return text.startsWith(start) && text.endsWith(parts.at(-1) as string)
}
