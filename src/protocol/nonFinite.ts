import { randomBytes } from 'node:crypto'
import { endOfString } from '../std/jsonText.ts'

/*
 * NaN and the infinities in JSON text. JSON has no tokens for them; Python's json module, and so Celery, writes and
 * reads the tokens `NaN`, `Infinity` and `-Infinity`. JavaScript's JSON does neither, so a number of JSON replaces each
 * meanwhile: one with an exponent that each process chooses at random and never sends, so that no text from outside
 * contains it.
 */

const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown }

const EXPONENT = `e${BigInt(`0x${randomBytes(12).toString('hex')}`)}`
/** Read as -0; those of the infinities are read as what they stand for. */
const NAN = `-0${EXPONENT}`
const INFINITY = `1${EXPONENT}`
const STAND_INS = new RegExp(`(-0|1)${EXPONENT}`, 'g')

/** A token where a value can be: between what JSON puts around values. */
const TOKENS = /(?<![\w.+])(?:NaN|Infinity)(?![\w.+-])/g

let used = false

/**
 * What is prepared for `JSON.stringify` in place of a number that is not finite. The text must go through `withTokens`.
 */
export function standIn(value: number): unknown {
  used = true
  if (Number.isNaN(value)) return rawJSON(NAN)
  return rawJSON(value < 0 ? `-${INFINITY}` : INFINITY)
}

/** The text with Python's tokens in place of the stand-ins. */
export function withTokens(text: string): string {
  // Nothing is searched in a process that has never written such a number.
  if (!used || !text.includes(EXPONENT)) return text
  return text.replace(STAND_INS, (_, digits: string) => (digits === '1' ? 'Infinity' : 'NaN'))
}

/** Makes another value of one that was parsed, as the reviver of `JSON.parse`. */
export type Revive = (key: string, value: unknown, context?: { source: string }) => unknown

/**
 * `JSON.parse` that also reads Python's tokens. A text without them costs nothing more, one with them is read twice, in
 * linear time. Throws SyntaxError.
 */
export function parsePythonJson(text: string, revive?: Revive): unknown {
  try {
    return revive ? JSON.parse(text, revive) : JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError) || !(text.includes('NaN') || text.includes('Infinity'))) throw error
    try {
      return JSON.parse(withStandIns(text), (key, value: unknown, context?: { source: string }) => {
        if (value === 0 && context?.source === NAN) return Number.NaN
        return revive ? revive(key, value, context) : value
      })
    } catch (second) {
      // The first speaks of the text as it came.
      throw second instanceof SyntaxError ? error : second
    }
  }
}

/** Tokens outside of strings replaced. */
function withStandIns(text: string): string {
  const parts: string[] = []
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at)
    const start = quote === -1 ? text.length : quote
    parts.push(text.slice(at, start).replace(TOKENS, (token) => (token === 'NaN' ? NAN : INFINITY)))
    at = endOfString(text, start) + 1
    parts.push(text.slice(start, at))
  }
  return parts.join('')
}
