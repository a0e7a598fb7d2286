import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Semantics } from '../harness/scenario.ts'
import { loadResults, type Results } from './results.ts'
import { cell, type Summary, summarize, text } from './summary.ts'
import { judge } from './targets.ts'

/** A file of raw runs, as it is linked, and what it holds. */
export interface ResultFile {
  readonly name: string
  readonly results: Results
}

const PAGE = 'docs/benchmarks.md'
const FOLDER = 'bench/results'
const MARK = 'BENCHMARKS'
const NONE = 'No full run of this program is kept yet: see the earlier figures below.'

const SECTIONS = {
  sqlite: 'SQLite',
  redis: 'Redis',
  postgres: 'PostgreSQL',
  rabbitmq: 'RabbitMQ',
  http: 'HTTP',
} as const

/** Write the generated part of the page from the raw runs in `bench/results`. */
export function writePage(root: string): void {
  const files = readdirSync(join(root, FOLDER), { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map(({ name }) => ({ name, results: loadResults(join(root, FOLDER, name)) }))
  const path = join(root, PAGE)
  const page = withPart(readFileSync(path, 'utf8'), pagePart(files))
  writeFileSync(path, formatted(root, page))
}

/** The page with the part between its marks. */
export function withPart(page: string, part: string): string {
  const found = new RegExp(`^(<!-- <${MARK}>.*-->)$[\\s\\S]*^(<!-- </${MARK}> -->)$`, 'm').exec(page)
  if (!found) throw new Error(`${PAGE}: expected the marks <${MARK}> and </${MARK}>`)
  const [whole, open, close] = found
  return page.replace(whole, () => `${open}\n\n${part}\n\n${close}`)
}

/** The generated part, in Markdown. Each scenario is shown from the newest file that has it. */
export function pagePart(files: readonly ResultFile[]): string {
  // Quick runs show that it works, and comparisons have commits in place of peers.
  const whole = files.filter(({ results }) => !results.settings.quick && results.entrants.length > 0)
  const newest = whole.toSorted((a, b) => b.results.started.localeCompare(a.results.started))
  const shown = new Map<string, { readonly file: ResultFile; readonly summary: Summary }>()
  for (const file of newest) {
    for (const summary of summarize(file.results)) {
      if (!shown.has(summary.scenario)) shown.set(summary.scenario, { file, summary })
    }
  }
  if (shown.size === 0) return NONE
  const used = newest.filter((file) => [...shown.values()].some((one) => one.file === file))
  const sections = Object.entries(SECTIONS).flatMap(([store, title]) => {
    const mine = [...shown.values()].filter(({ summary }) => summary.scenario.startsWith(`${store}/`))
    if (mine.length === 0) return []
    return [
      `## ${title}`,
      ...mine.map(({ summary }) => figuresTable(summary)),
      semanticsTable(
        store,
        mine.map(({ file }) => file),
      ),
    ]
  })
  return [...used.map(factsLine), ...sections, ...used.map(verdictsTable)].filter((part) => part !== '').join('\n\n')
}

function factsLine({ name, results }: ResultFile): string {
  const { machine, servers, settings, commit, started } = results
  const { node, cores, cpu, memoryGiB, load } = machine
  const scenarios = `${results.scenarios.length} scenarios, ${settings.repeats} interleaved repeats`
  return [
    `[${name}](../${FOLDER}/${name}): ${started.slice(0, 10)}, commit ${commit}, ${scenarios}, windows of ${settings.window} s.`,
    `Node ${node}, ${servers.join(', ')}, ${cores} cores of ${cpu}, ${memoryGiB} GiB, load average at the start ${load}.`,
  ].join(' ')
}

function figuresTable({ scenario, title, entrants, figures, of }: Summary): string {
  const rows = figures.map((figure) => [figure, ...entrants.map((entrant) => cell(of(figure, entrant)))])
  return `### \`${scenario}\`\n\n${capital(title)}. Median (least - most).\n\n${markdownTable([['', ...entrants], ...rows])}`
}

/** One row for each entrant of a store, as it was measured last. */
function semanticsTable(store: string, files: readonly ResultFile[]): string {
  const rows = new Map<string, string[]>()
  for (const { results } of files) {
    for (const { scenario, entrant, version, semantics } of results.entrants) {
      if (!scenario.startsWith(`${store}/`) || scenario.endsWith('/beat') || rows.has(entrant)) continue
      rows.set(entrant, [entrant, version, ...columnsOf(semantics)])
    }
  }
  if (rows.size === 0) return ''
  return `What these figures mean:\n\n${markdownTable([['', 'version', 'acknowledgement', 'result', 'durable', 'events'], ...rows.values()])}`
}

function columnsOf({ ack, result, durable, events }: Semantics): string[] {
  return [ack, result, durable, events]
}

function verdictsTable({ name, results }: ResultFile): string {
  const rows = judge(results).map(({ name, value, expected, holds }) => [
    name,
    holds ? text(value) : `**${text(value)}**`,
    expected,
  ])
  if (rows.length === 0) return ''
  return `## What must hold (${name})\n\nBold: missed.\n\n${markdownTable([['figure of celeriac', 'measured', 'must be'], ...rows])}`
}

function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((one) => one.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}

/** As all pages are. */
function formatted(root: string, page: string): string {
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  return execFileSync(process.execPath, [biome, 'format', `--stdin-file-path=${PAGE}`], {
    cwd: root,
    input: page,
    encoding: 'utf8',
  })
}
