// @ts-check
// Reads declaration files as the compiler writes them (`tsc --declaration`): what a module exports, where that is declared, and its doc comments.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * A statement of a file or a member of a body, as it is written, with the doc comment before it: its paragraphs, each in one line.
 * @typedef {{ readonly doc: readonly string[], readonly text: string }} Piece
 * @typedef {'class' | 'interface' | 'type' | 'function' | 'const' | 'module'} Kind
 * What a name stands for. A function has a text for each overload; a module (`export * as name`) has its exports in place of them.
 * @typedef {{ readonly name: string, readonly kind: Kind, readonly doc: readonly string[], readonly texts: readonly string[],
 *   readonly exports: readonly Declaration[] }} Declaration
 */

const TOKENS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|=>|[{}()[\]<>;]|\s+|[\w$]+|./g
const OPENING = new Set(['{', '(', '[', '<'])
const CLOSING = new Set(['}', ')', ']', '>'])
const DECLARED = /^(?:export )?(?:declare )?(?:abstract )?(class|interface|type|function|const) ([\w$]+)/
const IMPORTED = /^import\b|^export \{\s*\};$/
const LISTED = /^export (?:type )?\{([^}]*)\} from '([^']+)';$/
const STARRED = /^export \* (?:as ([\w$]+) )?from '([^']+)';$/

/** What the declaration file exports, by name. Throws for a statement that it cannot read. @param {string} file @returns {Declaration[]} */
export function exportsOf(file) {
  const found = piecesOf(readFileSync(file, 'utf8')).flatMap((piece) => exportedBy(piece, file))
  return merged(found).sort((one, other) => compare(one.name, other.name))
}

/** The members of a class or an interface, without its private ones. @param {string} text @returns {Piece[]} */
export function membersOf(text) {
  const body = text.slice(text.indexOf('{', headOf(text).length) + 1, text.lastIndexOf('}'))
  return piecesOf(body).filter((piece) => !/^(?:#|private\b|static get \[)/.test(piece.text))
}

/** What stands before the body of a class or an interface. @param {string} text */
export function headOf(text) {
  let depth = 0
  let head = ''
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' && depth === 0) break
    depth += OPENING.has(token) ? 1 : CLOSING.has(token) ? -1 : 0
    head += token
  }
  return head.trim()
}

/** Capital letters first, as in ASCII. @param {string} one @param {string} other */
function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0
}

/** @param {Piece} piece @param {string} file @returns {Declaration[]} */
function exportedBy({ doc, text }, file) {
  const listed = LISTED.exec(text)
  if (listed)
    return namesIn(listed[1] ?? '').map(([name, as]) => ({ ...declarationOf(name, target(file, listed[2])), name: as }))
  const starred = STARRED.exec(text)
  if (starred?.[1]) return [moduleAs(starred[1], target(file, starred[2]))]
  if (starred) return exportsOf(target(file, starred[2]))
  const [, kind, name = ''] = DECLARED.exec(text) ?? []
  if (kind)
    return text.startsWith('export ')
      ? [{ name, kind: /** @type {Kind} */ (kind), doc, texts: [text], exports: [] }]
      : []
  if (IMPORTED.test(text)) return []
  throw new Error(`expected declarations, imports and exports in ${file}, got ${text}`)
}

/** @param {string} list @returns {(readonly [name: string, as: string])[]} */
function namesIn(list) {
  const names = list.split(',').map((each) => each.trim().replace(/^type /, ''))
  return names.filter(Boolean).map((each) => {
    const [name = '', as = name] = each.split(' as ')
    return [name, as]
  })
}

/** @param {string} name @param {string} file @returns {Declaration} */
function declarationOf(name, file) {
  const declaration = exportsOf(file).find((each) => each.name === name)
  if (!declaration) throw new Error(`expected ${file} to export ${name}`)
  return declaration
}

/** A whole module under a name: the comment that its file begins with is its own. @param {string} name @param {string} file @returns {Declaration} */
function moduleAs(name, file) {
  const [doc = []] = piecesOf(readFileSync(file, 'utf8')).map((piece) => piece.doc)
  return { name, kind: 'module', doc, texts: [], exports: exportsOf(file) }
}

/** The declaration file that a specifier means. @param {string} from @param {string | undefined} specifier */
function target(from, specifier = '') {
  return resolve(dirname(from), specifier.replace(/\.ts$/, '.d.ts'))
}

/** Overloads are one function. @param {readonly Declaration[]} declarations */
function merged(declarations) {
  /** @type {Map<string, Declaration>} */
  const byName = new Map()
  for (const each of declarations) {
    const before = byName.get(each.name)
    const doc = before?.doc.length ? before.doc : each.doc
    byName.set(each.name, before ? { ...before, doc, texts: [...before.texts, ...each.texts] } : each)
  }
  return [...byName.values()]
}

/** @param {string} source @returns {Piece[]} */
function piecesOf(source) {
  /** @type {Piece[]} */
  const pieces = []
  let [text, depth] = ['', 0]
  /** @type {readonly string[]} */
  let doc = []
  for (const [token] of source.matchAll(TOKENS)) {
    if (text === '' && token.startsWith('/*')) doc = paragraphsOf(token)
    if (text === '' && /^(?:\s|\/[*/])/.test(token)) continue
    text += token
    depth += OPENING.has(token) ? 1 : CLOSING.has(token) ? -1 : 0
    if (depth !== 0 || !(token === ';' || (token === '}' && hasBody(text)))) continue
    pieces.push({ doc, text })
    text = ''
    doc = []
  }
  if (text !== '') throw new Error(`expected whole statements, got ${text}`)
  return pieces
}

/** What ends with its body, without a semicolon. @param {string} text */
function hasBody(text) {
  return /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface) /.test(text)
}

/** @param {string} comment @returns {string[]} */
function paragraphsOf(comment) {
  const lines = comment.slice(2, -2).replace(/^\*/, '').split('\n')
  const bare = lines.map((line) => line.replace(/^\s*\*(?: |$)/, '').trim()).join('\n')
  const paragraphs = bare.replaceAll('*\\/', '*/').split(/\n{2,}/)
  return paragraphs.map((paragraph) => paragraph.replaceAll('\n', ' ').trim()).filter(Boolean)
}
