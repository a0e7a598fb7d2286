import { InvalidArgumentError } from 'commander'
import { isoTime } from '../protocol/iso.ts'
import { milliseconds } from '../std/duration.ts'
import { ArgumentError, DecodeError } from '../std/errors.ts'
import type { LogLevel } from '../std/log.ts'
import type { Given } from '../tasks/bind.ts'

/*
 * Values of the command line, from text. Those for commander throw its InvalidArgumentError; it adds option and text.
 */

/** Celery's words beside ours. */
const LEVELS: Readonly<Record<string, LogLevel>> = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  critical: 'error',
}

/** ms of a time with its unit: a bare number would mean seconds to one and milliseconds to another. */
export function duration(text: string): number {
  if (!/[a-z]\s*$/i.test(text)) throw new InvalidArgumentError('Expected a time with its unit, as 250ms, 45s, 1.5h.')
  try {
    return milliseconds(text, 'time')
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    throw new InvalidArgumentError('Expected a time with its unit, as 250ms, 45s, 1.5h.')
  }
}

/** ms of a time; a number alone is seconds, as for Celery's commands of the same name. */
export function seconds(text: string): number {
  return duration(/^[\d.]+$/.test(text) ? `${text}s` : text)
}

/** Commands of remote control that a worker obeys; `none`: it obeys no command. */
export function controlled(text: string): readonly string[] | false {
  return text === 'none' ? false : names(text)
}

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`)
  }
}

/** A share of a whole, as 0.95. */
export function share(text: string): number {
  const value = Number(text)
  if (/^0?\.\d+$/.test(text) && value > 0) return value
  throw new InvalidArgumentError('Expected a number between 0 and 1, as 0.95.')
}

/** Names with commas between them. */
export function names(text: string): string[] {
  const found = text.split(',').map((name) => name.trim())
  if (found.includes('')) throw new InvalidArgumentError('Expected names with commas between them, as fast,slow.')
  return [...new Set(found)]
}

/** Names with commas between them, each with or without `=` and its weight: then the others have 1. */
export function weights(text: string): string[] | Record<string, number> {
  const found = names(text)
  if (!found.some((name) => name.includes('='))) return found
  return Object.fromEntries(found.map(weightOf))
}

function weightOf(text: string): [name: string, weight: number] {
  const at = text.lastIndexOf('=')
  if (at === -1) return [text, 1]
  const [name, weight] = [text.slice(0, at), text.slice(at + 1)]
  if (name === '' || !/^\d+(?:\.\d+)?$/.test(weight))
    throw new InvalidArgumentError('Expected a weight after =, as fast=3,slow.')
  return [name, Number(weight)]
}

/** Whole numbers by name, with commas between them. What the names are is checked by the option. */
export function sizes(text: string): Record<string, number> {
  const found = names(text).map((part) => /^(\w+)=(\d{1,6})$/.exec(part))
  if (!found.every((match) => match !== null))
    throw new InvalidArgumentError('Expected names with whole numbers, as threads=2,inline=50.')
  return Object.fromEntries(found.map(([, name, size]) => [name, Number(size)]))
}

/** The largest and the smallest size of a pool, in Celery's order. Their bounds are checked by the option. */
export function maxMin(text: string): { max: number; min: number } {
  const [, max, min] = /^(\d{1,6}),(\d{1,6})$/.exec(text) ?? []
  if (max === undefined)
    throw new InvalidArgumentError('Expected max,min: two whole numbers, the larger first, as 10,2.')
  return { max: Number(max), min: Number(min) }
}

export function logLevel(text: string): LogLevel {
  const level = LEVELS[text.toLowerCase()]
  if (level) return level
  throw new InvalidArgumentError('Expected debug, info, warn or error.')
}

/** An ISO 8601 date and time; UTC where it says no offset, as in `at()`. */
export function moment(text: string): Date {
  try {
    return new Date(isoTime(text))
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw new InvalidArgumentError('Expected a date and time as 2026-11-21T08:00:00Z.')
  }
}

/** A moment, or a time from now. */
export function momentOrDuration(text: string): Date | number {
  return /^\d{4}-/.test(text) ? moment(text) : duration(text)
}

/** An argument as JSON; `where` names it for the error. Throws ArgumentError. */
export function jsonValue(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const hint = /^[\w.\-/:@ ]+$/.test(text) ? ` (a text is written '"${text}"')` : ''
    throw new ArgumentError(`${where}: expected JSON, got ${text === '' ? 'nothing' : text}${hint}`)
  }
}

/** An object as JSON. Throws ArgumentError. */
function jsonObject(text: string, where: string): Record<string, unknown> {
  const value = jsonValue(text, where)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new ArgumentError(`${where}: expected a JSON object as {"size": 100}, got ${text}`)
}

/** Arguments of a task: positional ones and, by `--kwargs`, keyword ones. Throws ArgumentError. */
export function argumentsOf(args: readonly string[], kwargs: string | undefined): Given {
  return {
    args: args.map((text, index) => jsonValue(text, `argument ${index + 1}`)),
    kwargs: kwargs === undefined ? {} : jsonObject(kwargs, '--kwargs'),
  }
}
