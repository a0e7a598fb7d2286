import { describe, expect, it } from 'vitest'
import { normalForm } from '../../src/canvas/normalForm.ts'
import { readShape, shapeOf, signatureOfShape, tasksIn } from '../../src/canvas/shape.ts'
import { chainData, chordData, chordParts, groupData, taskData, tasksOf } from '../../src/protocol/canvas.ts'
import { canvasOf, type SignatureData } from '../../src/protocol/signature.ts'
import { random } from '../random.ts'

/** Names and ids of all tasks of a signature in normal form, and of its groups. */
function idsOf(signature: SignatureData): readonly string[] {
  const { task, options } = signature
  const kind = canvasOf(signature)
  const own = `${task} ${options.task_id}`
  if (kind === 'chain') return tasksOf(signature, task).flatMap(idsOf)
  if (kind === 'group') return [own, ...tasksOf(signature, task).flatMap(idsOf)]
  if (kind !== 'chord') return [own]
  const { header, options: given, body } = chordParts(signature, task)
  return [`header ${given.task_id}`, ...header.flatMap(idsOf), ...idsOf(body)]
}

/** A workflow of random kinds, sizes, arguments and links; some parts have ids of their own. */
function randomWorkflow(number: () => number, depth = 0): SignatureData {
  const pick = (count: number): number => Math.floor(number() * count)
  const list = (): SignatureData[] => Array.from({ length: 1 + pick(4) }, () => randomWorkflow(number, depth + 1))
  const options = {
    ...(pick(6) === 0 && { task_id: `own-${number()}` }),
    ...(pick(6) === 0 && { link: [taskData('note')] }),
    ...(pick(6) === 0 && { priority: pick(9) }),
  }
  const kind = depth > 3 ? 3 : pick(5)
  if (kind === 0) return chainData(list(), options)
  if (kind === 1) return groupData(list(), options)
  if (kind === 2) return chordData(pick(2) ? list() : groupData(list(), options), randomWorkflow(number, depth + 1))
  return taskData(`task.${pick(3)}`, { args: [number()], options, immutable: pick(2) === 0 })
}

describe('the shape of a workflow', () => {
  it('has all ids of the workflow', () => {
    const number = random(7)
    for (let round = 0; round < 300; round++) {
      const data = randomWorkflow(number)
      const shape = readShape(JSON.parse(JSON.stringify(shapeOf(data)))) ?? expect.fail('no shape')
      const again = normalForm(signatureOfShape(shape, 10_000), 'result')
      expect(idsOf(again)).toEqual(idsOf(normalForm(data, 'result')))
    }
  })

  it('is short where many members are alike', () => {
    const shape = shapeOf(
      chordData(
        Array.from({ length: 5000 }, (_, n) => taskData('add', { args: [n] })),
        taskData('sum'),
      ),
    )
    expect(JSON.stringify(shape).length).toBeLessThan(200)
    expect(tasksIn(shape)).toBe(5001)
    expect(chordParts(signatureOfShape(shape, 10), '').header).toHaveLength(10)
  })

  it('is not read from anything else', () => {
    for (const value of [
      null,
      'chain',
      [],
      {},
      { kind: 'map' },
      { kind: 'chain', parts: [1] },
      { task: 'add', kind: 'chain' },
    ])
      expect(readShape(value)).toBeUndefined()
  })
})
