import { describe, expect, it } from 'vitest'
import {
  type EndedTask,
  type Following,
  type FollowUp,
  followingOf,
  NOTHING_FOLLOWS,
} from '../../src/backend/followUp.ts'
import type { Message } from '../../src/backend/unitOfWork.ts'
import { encodeTask, NOTHING_EMBEDDED } from '../../src/protocol/message.ts'
import { emptyRecord } from '../../src/protocol/record.ts'

const end: EndedTask = { meta: emptyRecord('one', 'SUCCESS'), headers: {}, queue: 'q', now: 0, listed: true }

function following(id: string, more: Partial<Following> = {}): Following {
  const message = {
    id,
    task: 'next',
    args: [],
    kwargs: {},
    embed: NOTHING_EMBEDDED,
    retries: 0,
    rootId: id,
    ignoreResult: false,
    headers: {},
  }
  const sent: Message = { envelope: encodeTask(message, 'json'), route: { exchange: '', routingKey: 'q' } }
  return { publish: [sent], also: [emptyRecord(id, 'PENDING')], children: [id], ...more }
}

describe('what follows from the end of a task', () => {
  it('is nothing without a rule, and by rules from which nothing follows', () => {
    expect(followingOf(end, [])).toBe(NOTHING_FOLLOWS)
    expect(followingOf(end, [() => NOTHING_FOLLOWS, () => NOTHING_FOLLOWS])).toBe(NOTHING_FOLLOWS)
  })

  it('is all that follows by any rule, in the order of the rules', () => {
    const first = following('a')
    const last = following('b', { deadLetter: true })
    const asked: EndedTask[] = []
    const rules = [first, NOTHING_FOLLOWS, last].map(
      (answer): FollowUp =>
        (one) => {
          asked.push(one)
          return answer
        },
    )
    expect(followingOf(end, rules)).toEqual({
      publish: [...first.publish, ...last.publish],
      also: [...first.also, ...last.also],
      children: ['a', 'b'],
      deadLetter: true,
    })
    expect(asked).toEqual([end, end, end])
  })

  it('is that of the one rule from which something follows', () => {
    const only = following('a')
    expect(followingOf(end, [() => NOTHING_FOLLOWS, () => only, () => NOTHING_FOLLOWS])).toBe(only)
  })
})
