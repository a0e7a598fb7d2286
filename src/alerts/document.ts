import type { AlertRuleDocument } from '../protocol/recordedDocument.ts'
import { isoOf } from '../std/clock.ts'
import type { RuleReport } from './alertWatch.ts'

/** A rule as the API and the command line show it. */
export function ruleDocument({ rule, on, readings, states, problem }: RuleReport): AlertRuleDocument {
  return {
    rule,
    on,
    readings,
    alerts: states.map(({ subject, status, startedAt, firedAt, value, text }) => ({
      ...{ subject, status, value, text, startedAt: isoOf(startedAt) },
      ...(firedAt !== undefined && { firedAt: isoOf(firedAt) }),
    })),
    ...(problem !== undefined && { problem }),
  }
}
