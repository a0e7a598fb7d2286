// @ts-check
// npm run docs:api: docs/api.md from the declarations of src/, for each entry point of package.json, and docs/contributing/api-types.md: the
// types that these name and do not export. A test compares both pages with the code, so that no public type changes unnoticed.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportsOf, headOf, membersOf, typesBehind } from './declarations.mjs'
import { ensureInstalled, node, root } from './lib.mjs'

/**
 * @typedef {import('./declarations.mjs').Declaration} Declaration
 * @typedef {import('./declarations.mjs').Piece} Piece
 * @typedef {{ readonly name: string, readonly exports: readonly Declaration[] }} Entry an entry point, as `celeriac/worker`
 * @typedef {{ readonly file: string, readonly text: string }} Behind a type that entry points name and do not export, and its file in src/
 */

/** @type {Readonly<Record<string, string>>} */
const ABOUT = {
  celeriac: 'Apps, tasks, calls, results, schedules and errors; explained in the [reference](reference.md).',
  'celeriac/alerts': 'Rules that watch a fleet and send [alerts](fleet.md#alerts) to webhooks.',
  'celeriac/beat': 'Sends what is due: [schedules](schedules.md).',
  'celeriac/client': 'The [typed client](client.md) of the HTTP API, for browsers and servers.',
  'celeriac/codec': 'Seals payloads: [how to use it](how-to/encrypt-payloads.md).',
  'celeriac/control': 'Remote control of running workers.',
  'celeriac/events': 'The events of a cluster: its workers and what becomes of their tasks.',
  'celeriac/http': 'The [HTTP API](http.md): its server, and what mounts it in others.',
  'celeriac/opentelemetry': 'Traces and metrics for OpenTelemetry: [how to use it](how-to/traces-and-metrics.md).',
  'celeriac/outbox':
    'Jobs in a table of your database, and the relay that publishes them: [send inside a transaction](how-to/submit-in-a-transaction.md#outbox).',
  'celeriac/payloads':
    'Stores for inputs and results that are too large for messages and records: [how to use them](how-to/large-payloads.md).',
  'celeriac/recorder':
    'The record of a fleet: its jobs, events, statistics and failures ([the recorder](fleet.md#recorder)).',
  'celeriac/testing':
    '`testApp`, which puts an app into a test under a fake clock, and the conformance suites of the seams, for brokers, backends, pools and schedule stores from elsewhere.',
  'celeriac/worker': 'Runs tasks.',
}
const TITLE = `# API

Every name that the package exports, from the declarations and their comments. Written by \`npm run docs:api\`: change the comments in \`src/\`, not this page.
What belongs together, and why, is in the [reference](reference.md).`
const TYPES_TITLE = `# Types behind the API

Types that the [API](../api.md) names and that no entry point exports by name. Users meet their members all the same: a
change of one of them is a change of the API. Written by \`npm run docs:api\`.`
/** Between declarations that are formatted together. */
const MARK = '// --8<--'

/** The entry points of the package with their exports, and the types behind these, compiled from src/. @returns {{ entries: Entry[], behind: Behind[] }} */
export function readApi() {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-api-'))
  try {
    tool(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', folder])
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const typed = Object.entries(exports).filter(([, target]) => target.types !== undefined)
    const entries = typed.map(([subpath, { types }]) => ({
      name: subpath.replace('.', 'celeriac'),
      exports: exportsOf(join(folder, types.replace('./dist/', ''))),
    }))
    const behind = typesBehind(entries.flatMap((entry) => entry.exports)).flatMap(({ texts, origin }) => {
      const file = join('src', relative(folder, origin.file)).replace(/\.d\.ts$/, '.ts')
      return texts.map((text) => ({ file, text: publicPart(text) }))
    })
    return { entries, behind }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The text of docs/api.md. @param {readonly Entry[]} entries */
export function apiReference(entries) {
  const codes = formatted(entries.flatMap((entry) => entry.exports).filter(showsCode))
  const anchors = anchorsOf(entries)
  const parts = entries.flatMap((entry) => [
    `## ${entry.name}`,
    aboutOf(entry),
    entry.exports.map((each) => `[${each.name}](#${anchors.get(each)})`).join(' · '),
    ...entry.exports.flatMap((each) => sectionOf(each, codes.get(each))),
  ])
  return format('docs/api.md', [TITLE, ...parts].join('\n\n'))
}

/** The text of docs/contributing/api-types.md. @param {readonly Behind[]} behind */
export function typesReference(behind) {
  const files = Map.groupBy(behind, ({ file }) => file)
  const parts = [...files].map(([file, types]) => [`// ${file}`, ...types.map(({ text }) => text)].join('\n'))
  const code = format('docs/api-types.d.ts', parts.join('\n\n')).trim()
  return format('docs/contributing/api-types.md', `${TYPES_TITLE}\n\n\`\`\`ts\n${code}\n\`\`\`\n`)
}

/** A declaration without comments and private members. @param {string} text */
function publicPart(text) {
  const hasBody = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface) /.test(text)
  const members = () => membersOf(text).map((member) => member.text)
  const whole = hasBody ? `${headOf(text)} {\n${members().join('\n')}\n}` : text
  return whole.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^export (?:declare )?/, '')
}

/** Members of an interface of options are a table. @param {Declaration} declaration */
export function isOptions({ kind, name }) {
  return kind === 'interface' && name.endsWith('Options')
}

/** The names of the members of an interface of options. @param {Declaration} declaration @returns {string[]} */
export function optionNames({ texts }) {
  return texts.flatMap((text) => membersOf(text).map((member) => partsOf(member.text).name))
}

/** @param {Entry} entry */
function aboutOf({ name }) {
  const about = ABOUT[name]
  if (about === undefined) throw new Error(`expected a sentence about the entry point ${name} in scripts/api.mjs`)
  return about
}

/** As GitHub makes them: a title that comes again has a number. @param {readonly Entry[]} entries */
function anchorsOf(entries) {
  /** @type {Map<Declaration, string>} */
  const anchors = new Map()
  const seen = new Map([['api', 1]])
  const anchor = (/** @type {string} */ title) => {
    const slug = title.toLowerCase().replace(/[^\w-]/g, '')
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    return count === 0 ? slug : `${slug}-${count}`
  }
  for (const entry of entries) {
    anchor(entry.name)
    for (const each of entry.exports) anchors.set(each, anchor(each.name))
  }
  return anchors
}

/** @param {Declaration} declaration */
function showsCode({ kind }) {
  return kind === 'type' || kind === 'function' || kind === 'const'
}

/** @param {Declaration} declaration @param {string | undefined} code */
function sectionOf(declaration, code) {
  const { name, kind, doc, texts, exports } = declaration
  const [first, ...rest] = doc
  const bodies = kind === 'class' || kind === 'interface' ? texts : []
  const members = bodies.flatMap(membersOf)
  return [
    `### ${name}`,
    [`_${kind}_${bodies.map((text) => ` \`${shortHead(text)}\``).join('')}`, first].filter(Boolean).join(': '),
    ...rest,
    ...(code === undefined ? [] : [`\`\`\`ts\n${code}\n\`\`\``]),
    ...(isOptions(declaration) ? tableOf(members) : listOf(members)),
    ...listOf(exports.flatMap((each) => partsOfModule(each, doc))),
  ]
}

/** A line for each overload; the module's own comment is that before its first statement. @param {Declaration} declaration @param {readonly string[]} about */
function partsOfModule({ doc, texts }, about) {
  return texts.map((text) => ({
    doc: doc.join() === about.join() ? [] : doc,
    text: text.replace(/^export (?:declare )?/, ''),
  }))
}

/** `AsyncResult<Result = unknown>`; what it extends, too. @param {string} text */
function shortHead(text) {
  return oneLine(headOf(text)).replace(/^(?:export |declare |abstract )*(?:class|interface) /, '')
}

/** @param {readonly Piece[]} members */
function tableOf(members) {
  if (members.length === 0) return []
  const rows = members.map(({ doc, text }) => {
    const { name, type, optional } = partsOf(text)
    const cells = [`\`${name}\`${optional ? '' : ' (required)'}`, `\`${type}\``, doc.join(' ')]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return [['| option | type | meaning |', '| --- | --- | --- |', ...rows].join('\n')]
}

/** @param {readonly Piece[]} members */
function listOf(members) {
  if (members.length === 0) return []
  const code = (/** @type {string} */ text) => oneLine(text).replace(/;$/, '')
  return [members.map(({ doc, text }) => `- \`${code(text)}\`${doc.length > 0 ? `: ${doc.join(' ')}` : ''}`).join('\n')]
}

/** An option in its parts. @param {string} text */
function partsOf(text) {
  const [, name = '', mark, type = ''] = /^(?:readonly )?([\w$]+|'[^']+')(\?)?([:(<][\s\S]*);$/.exec(text) ?? []
  if (name === '') throw new Error(`expected a member with a name, got ${text}`)
  const optional = mark !== undefined
  const shown = oneLine(type.replace(/^: */, ''))
  return { name, optional, type: optional ? withoutUndefined(shown) : shown }
}

/** Every option may be undefined: the table of options does not repeat it. @param {string} type */
function withoutUndefined(type) {
  const bare = type.replace(/ \| undefined$/, '')
  return bare === type ? type : bare.replace(/^\((\([^()]*\) => [^()|]*)\)$/, '$1')
}

/** @param {string} text */
function oneLine(text) {
  const bare = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\s+/g, ' ')
  return bare
    .replaceAll('; }', ' }')
    .replaceAll('[ ', '[')
    .replaceAll(' ]', ']')
    .replaceAll('"', "'")
    .replace(/^export declare /, '')
    .trim()
}

/** Their code in the house style. @param {readonly Declaration[]} declarations @returns {Map<Declaration, string>} */
function formatted(declarations) {
  const source = declarations.map(({ texts }) => `${MARK}\n${texts.join('\n')}\n`).join('')
  const parts = format('docs/api.d.ts', source).split(`${MARK}\n`).slice(1)
  if (parts.length !== declarations.length)
    throw new Error(`expected ${declarations.length} declarations, got ${parts.length}`)
  return new Map(declarations.map((each, at) => [each, parts[at]?.replace(/^export (?:declare )?/gm, '').trim() ?? '']))
}

/** @param {string} path tells the language @param {string} text */
function format(path, text) {
  return tool(['node_modules/@biomejs/biome/bin/biome', 'format', `--stdin-file-path=${path}`], text)
}

/** What a tool of this repository prints. @param {readonly string[]} args @param {string} [input] */
function tool(args, input) {
  return execFileSync(node, args, { cwd: root, input, encoding: 'utf8', maxBuffer: 1 << 26 })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled()
  const { entries, behind } = readApi()
  writeFileSync(join(root, 'docs/api.md'), apiReference(entries))
  writeFileSync(join(root, 'docs/contributing/api-types.md'), typesReference(behind))
}
