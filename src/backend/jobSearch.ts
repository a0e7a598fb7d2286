import { hasError } from '../protocol/exception.ts'
import type { ErrorInfo } from '../protocol/outcome.ts'
import { ArgumentError } from '../std/errors.ts'

/*
 * The search of a list, `ListFilter.q`. Every store decides with this code, so that they agree: a store's own rules for
 * upper and lower case are not used, and there are no wildcards.
 */

/** How many records are read for one page of a search, in stores that search here. */
export const MAX_SEARCHED_RECORDS = 10_000

/** What a search has to be, for error messages. */
export const EXPECTED_SEARCH = 'expected 1 to 200 printable characters, not blanks alone'

/** The fields of a record that are searched. */
export interface Searched {
  readonly id: string
  readonly task: string | undefined
  readonly tags: readonly string[] | undefined
  readonly status: string
  /** Read from the record only when it is needed. */
  readonly error: () => ErrorInfo | undefined
}

/** True for well-formed text of 1 to 200 characters that has a word in it, and no control character but blanks. */
export function isSearch(q: unknown): q is string {
  return typeof q === 'string' && /^[\P{Cc}\s]{1,200}$/u.test(q) && /\S/.test(q) && q.isWellFormed()
}

/** The words of a `ListFilter.q`, as `hasWords` takes them. Throws ArgumentError for an invalid search. */
export function wordsOf(q: string): readonly string[] {
  if (!isSearch(q)) throw new ArgumentError(`q: ${EXPECTED_SEARCH}, got ${JSON.stringify(q)}`)
  return q.split(/\s+/).filter(Boolean).map(folded)
}

/** True where each word is in the id, the task's name, a tag, or the class or message of the error. */
export function hasWords(words: readonly string[], { status, error, ...named }: Searched): boolean {
  const left = wordsBeside(words, named)
  if (left.length === 0 || !hasError(status)) return left.length === 0
  const { type, message } = error() ?? { type: '', message: '' }
  return wordsNotIn(left, [type, message]).length === 0
}

/** Whether this is a part of the class or the message of an error, in upper or lower case. */
export function errorContains({ type, message }: Pick<ErrorInfo, 'type' | 'message'>, part: string): boolean {
  return `${type}: ${message}`.toLowerCase().includes(part.toLowerCase())
}

/** The words that are in neither the id nor the task's name nor a tag: only the error can contain them. */
export function wordsBeside(
  words: readonly string[],
  { id, task, tags = [] }: Pick<Searched, 'id' | 'task' | 'tags'>,
): readonly string[] {
  return wordsNotIn(words, [id, task ?? '', ...tags])
}

function wordsNotIn(words: readonly string[], texts: readonly string[]): readonly string[] {
  // No word contains a line break, so none is found across two texts.
  const text = folded(texts.join('\n'))
  return words.filter((word) => !text.includes(word))
}

/**
 * Lower case as Unicode defines it, whatever the locale; σ also at the end of a word, where its lower case depends on
 * what follows.
 */
export function folded(text: string): string {
  return text.toLowerCase().replaceAll('ς', 'σ')
}
