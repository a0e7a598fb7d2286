import { isoOf } from '../std/clock.ts'
import type { AlertChange } from './judge.ts'
import type { ParsedRule } from './rules.ts'

/** An alert as a CloudEvent 1.0 in its structured JSON form: text, since every attempt has to send the same bytes. */
export function alertEvent(
  { kind, state, at }: AlertChange,
  { on, severity }: Pick<ParsedRule, 'on' | 'severity'>,
  { id, source }: { readonly id: string; readonly source: string },
): string {
  const { rule, subject, startedAt, value, text } = state
  return JSON.stringify({
    specversion: '1.0',
    id,
    type: `celeriac.alert.${kind}.v1`,
    source,
    subject: subject === '' ? rule : `${rule}: ${subject}`,
    time: isoOf(at),
    datacontenttype: 'application/json',
    data: { rule, on, severity, subject, value, text, startedAt: isoOf(startedAt) },
  })
}

/** A message that says nothing but that messages arrive, in the same form. `at`: ms since the epoch. */
export function testEvent({
  id,
  source,
  at,
}: {
  readonly id: string
  readonly source: string
  readonly at: number
}): string {
  return JSON.stringify({
    specversion: '1.0',
    id,
    type: 'celeriac.alert.test.v1',
    source,
    time: isoOf(at),
    datacontenttype: 'application/json',
    data: { text: 'a test: alerts of this fleet arrive here' },
  })
}
