import type { Node } from 'acorn'
import { nodesOf, parseSource } from './source.ts'

/** Words of no dictionary of the field, each with what to write in its place. A space matches any space, also a line break. */
export const words: Readonly<Record<string, string>> = {
  'told|tells?|telling': 'notified, reported, logged, configured; distinguish',
  'who(?:m)?ever': 'the caller, the client, the holder, all that …',
  'nobody|no one': 'no caller, no consumer, no subscriber',
  '(?:some|any|every)body|someone': 'a caller, a client, a user, a process',
  '(?:hand|hands|handed|handing)(?: (?:it|them|one|this|that))? in': 'submit',
  '(?:hand|hands|handed|handing|gives?|given|gave) out': 'emit, assign, issue',
  '(?:hand|hands|handed|handing)(?: (?:it|them|one|this|that))? (?:on|over)': 'pass on',
  '(?:give|gives|given|gave|giving)(?: (?:it|them|all|this|that|the rest))? back': 'release, requeue, return',
  'in (?:our|its|their|his) hands': 'held, claimed',
  kin: 'related URLs, similar frameworks',
  clothes: 'IPv4-mapped',
  'believ(?:e|es|ed|ing)': 'trust, accept',
  '(?:let|lets|letting) (?:\\w+ ){1,3}in': 'accept, admit',
  anew: 'again, from the beginning',
  'hear|hears|heard|hearing': 'receive, learn, notice',
  'who (?:he|she|it|they) (?:is|are)': 'authenticate, identity',
  '(?:is|are|was|were|be|been) away': 'unavailable',
  '(?:is|was|are|were|be|been|has|have|had|nothing|as|what|all) said': 'configured, declared, stated',
  'all the same': 'nevertheless, anyway',
  'mend|mends|mended': 'repair, correct',
  'heed|heeds': 'observe',
  'as ever': 'as before',
  '(?:its|their) own affair': 'decided elsewhere',
  'plays? no part': 'does not matter',
  'hung up|hang up|hangs up': 'disconnect',
  'comes? again': 'is delivered again, reconnects',
  'stands? (?:in|there|at|before|behind|beside|between|nowhere|first|so)': 'is, comes, replaces',
  '(?:take|takes|took|taken|in) the place of': 'replace, instead of',
  'keeps? (?:its|their|a) place': 'slot',
  'free places?|places? (?:is|are) free|place for one more': 'slot',
  '(?:after|until|without|on|by|with) (?:a|the|each|every|no|its|another) word': 'notification',
}

const patterns = Object.entries(words).map(([word, better]) => ({
  pattern: new RegExp(`(?<![.\\w])(?:${word.replaceAll(' ', '(?:[\\s*>]|//)+')})\\b`, 'gi'),
  better,
}))
const maxColumns = 120

/** A text for people, and the line that it begins in. */
interface Prose {
  readonly line: number
  readonly text: string
}

/** A source file, read as far as it is for people. */
export interface SourceProse {
  readonly path: string
  readonly lines: readonly string[]
  readonly comments: readonly Prose[]
  /** Strings and templates: messages, help, descriptions. */
  readonly literals: readonly Prose[]
}

/** `path` is for the messages; `text` is TypeScript or JavaScript. */
export function readProse(path: string, text: string): SourceProse {
  const nodes = [...nodesOf(parseSource(path, text).program)].filter(isLiteral)
  const literals = nodes.flatMap((node) => {
    const literal = node.type === 'TemplateElement' ? (node.value as { raw: string }).raw : node.value
    return typeof literal === 'string' ? [{ line: node.loc?.start.line ?? 0, text: literal }] : []
  })
  return { path, lines: text.split('\n'), comments: commentsOf(text, nodes), literals }
}

/** Dialect in the comments, strings and templates of a source file. */
export function wordProblems({ path, comments, literals }: SourceProse): string[] {
  const plain = comments.map(({ line, text }) => ({ line, text: withoutNames(text) }))
  return problems(path, [...plain, ...literals])
}

/** Dialect in a page, but in names of code. */
export function pageProblems(path: string, text: string): string[] {
  return problems(path, [{ line: 1, text: withoutNames(text) }])
}

/** Lines of comments that are wider than code may be. */
export function wideComments({ path, lines, comments }: SourceProse): string[] {
  return comments.flatMap(({ line, text }) =>
    text.split('\n').flatMap((_, index) => {
      const columns = lines[line + index - 1]?.length ?? 0
      return columns > maxColumns ? [`${path}:${line + index}: a comment of ${columns} columns`] : []
    }),
  )
}

function problems(path: string, prose: readonly Prose[]): string[] {
  const found = prose.flatMap(({ line, text }) =>
    patterns.flatMap(({ pattern, better }) =>
      [...text.matchAll(pattern)].map((match) => ({
        line: line + lineBreaks(text.slice(0, match.index)),
        word: match[0].replace(/[\s*>]+/g, ' '),
        better,
      })),
    ),
  )
  return found
    .toSorted((a, b) => a.line - b.line)
    .map(({ line, word, better }) => `${path}:${line}: "${word}": ${better}`)
}

function isLiteral(node: Node): boolean {
  return node.type === 'Literal' || node.type === 'TemplateElement'
}

/** Comments, those between types too, which the parser does not see. */
function commentsOf(text: string, literals: readonly Node[]): Prose[] {
  let plain = ''
  for (const { start, end } of literals.toSorted((a, b) => a.start - b.start)) {
    plain += text.slice(plain.length, start) + text.slice(start, end).replace(/[^\n]/g, ' ')
  }
  plain += text.slice(plain.length)
  return [...plain.matchAll(/'[^'\n]*'|"[^"\n]*"|\/\*[\s\S]*?\*\/|\/\/.*/g)]
    .filter(({ 0: found }) => found.startsWith('/'))
    .map(({ 0: found, index }) => ({ line: lineBreaks(plain.slice(0, index)) + 1, text: found }))
}

function lineBreaks(text: string): number {
  return text.split('\n').length - 1
}

/** Without what is set as code: names of the program and of protocols are not chosen here. */
function withoutNames(text: string): string {
  return text.replace(/`[^`\n]*`/g, '``')
}
