// @ts-check
// Reads declaration files as the compiler writes them (`tsc --declaration`): what a module exports, where that is declared, and its doc comments.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * A statement of a file or a member of a body, as it is written, with the doc comment before it: its paragraphs, each in one line.
 * @typedef {{ readonly doc: readonly string[], readonly text: string }} Piece
 * @typedef {'class' | 'interface' | 'type' | 'function' | 'const' | 'module'} Kind
 * What a name stands for. A function has a text for each overload; a module (`export * as name`) has its exports in place of them.
 * `origin` is where it is declared, by file and name there.
 * @typedef {{ readonly name: string, readonly kind: Kind, readonly doc: readonly string[], readonly texts: readonly string[],
 *   readonly exports: readonly Declaration[], readonly origin: Origin }} Declaration
 * @typedef {{ readonly file: string, readonly name: string }} Origin
 */

const TOKENS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|=>|[{}()[\]<>;]|\s+|[\w$]+|./g
const OPENING = new Set(['{', '(', '[', '<'])
const CLOSING = new Set(['}', ')', ']', '>'])
const DECLARED = /^(?:export )?(?:declare )?(?:abstract )?(class|interface|type|function|const) ([\w$]+)/
const IMPORTED = /^import\b|^export \{\s*\};$/
const BROUGHT = /^import (?:type )?\{([^}]*)\} from '(\.[^']+)';$/
const LISTED = /^export (?:type )?\{([^}]*)\} from '([^']+)';$/
const STARRED = /^export (?:type )?\* (?:as ([\w$]+) )?from '([^']+)';$/

/** What the declaration file exports, by name. Throws for a statement that it cannot read. @param {string} file @returns {Declaration[]} */
export function exportsOf(file) {
  const found = piecesOf(readFileSync(file, 'utf8')).flatMap((piece) => exportedBy(piece, file))
  return merged(found).sort((one, other) => compare(one.name, other.name))
}

/**
 * Declarations that these name, directly or through others, without being among them: types that a user meets although no entry point exports
 * them. In the order of their files. @param {readonly Declaration[]} declarations @returns {Declaration[]}
 */
export function typesBehind(declarations) {
  const all = declarations.flatMap((each) => [each, ...each.exports])
  const known = new Set(all.map((each) => keyOf(each.origin)))
  /** @type {Declaration[]} */
  const found = []
  // The list grows while it is read.
  for (const { origin, texts } of all) {
    for (const word of new Set(texts.flatMap(wordsIn))) {
      const target = declaredAs(word, origin.file)
      if (!target || known.has(keyOf(target.origin))) continue
      known.add(keyOf(target.origin))
      found.push(target)
      all.push(target)
    }
  }
  return found.sort((one, other) => compare(keyOf(one.origin), keyOf(other.origin)))
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

/** @param {Origin} origin */
function keyOf({ file, name }) {
  return `${file}#${name}`
}

/** Identifiers in a declaration, without its comments and private members. @param {string} text @returns {string[]} */
function wordsIn(text) {
  const isBody = hasBody(text)
  const parts = isBody ? [headOf(text), ...membersOf(text).map((member) => member.text)] : [text]
  return parts.flatMap((part) =>
    [...part.matchAll(TOKENS)].map(([token]) => token).filter((token) => /^[\w$]+$/.test(token)),
  )
}

/** What a name means in a file: declared there, or imported from another one of ours. @param {string} name @param {string} file @returns {Declaration | undefined} */
function declaredAs(name, file) {
  const pieces = piecesOf(readFileSync(file, 'utf8'))
  const own = pieces.filter(({ text }) => DECLARED.exec(text)?.[2] === name)
  if (own.length > 0) return merged(own.map((piece) => declared(piece, file)))[0]
  for (const { text } of pieces) {
    const [, list = '', specifier] = BROUGHT.exec(text) ?? LISTED.exec(text) ?? []
    const source = namesIn(list).find(([, as]) => as === name)
    if (source && specifier) return declaredAs(source[0], target(file, specifier))
  }
  return undefined
}

/** @param {Piece} piece a declaration @param {string} file @returns {Declaration} */
function declared({ doc, text }, file) {
  const [, kind, name = ''] = DECLARED.exec(text) ?? []
  return { name, kind: /** @type {Kind} */ (kind), doc, texts: [text], exports: [], origin: { file, name } }
}

/** @param {Piece} piece @param {string} file @returns {Declaration[]} */
function exportedBy({ doc, text }, file) {
  const listed = LISTED.exec(text)
  if (listed)
    return namesIn(listed[1] ?? '').map(([name, as]) => ({ ...declarationOf(name, target(file, listed[2])), name: as }))
  const starred = STARRED.exec(text)
  if (starred?.[1]) return [moduleAs(starred[1], target(file, starred[2]))]
  if (starred) return exportsOf(target(file, starred[2]))
  if (DECLARED.test(text)) return text.startsWith('export ') ? [declared({ doc, text }, file)] : []
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
  return { name, kind: 'module', doc, texts: [], exports: exportsOf(file), origin: { file, name: '*' } }
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
