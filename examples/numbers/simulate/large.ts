import { setTimeout as sleep } from 'node:timers/promises'
import { ask, ended, ridArgument } from './client.ts'

/*
 * Twenty requests of a hundred numbers each at once, until all of them are done; then an update by hand.
 */

const REQUESTS = 20
const NUMBERS = 100

const rid = ridArgument('large')
const rids = Array.from({ length: REQUESTS }, (_, at) => `${rid}-${at}`)
const numbers = Array.from({ length: NUMBERS }, (_, at) => at)
const jobtodo = numbers.map((number) => (number % 2 === 0 ? 'sum' : 'mul'))

const answers = await Promise.all(
  rids.map(async (one) => {
    const { taskID } = await ask('POST', '/number_request', { rid: one, numbers, jobtodo })
    return await ended(taskID)
  }),
)
console.log(`stored: ${answers.filter((answer) => answer === 'OK').length} of ${REQUESTS}`)
if (answers.some((answer) => answer !== 'OK')) throw new Error(answers.find((answer) => answer !== 'OK'))

let done = 0
while (done < REQUESTS * NUMBERS) {
  await sleep(500)
  const requests = await Promise.all(rids.map((one) => ask('GET', '/number_request', { rid: one })))
  const states: string[] = requests.flatMap((request) => request.jobtodo)
  done = states.filter((state) => state.endsWith('_Done')).length
  console.log(`done: ${done} of ${REQUESTS * NUMBERS}`)
}

const { numbers_id, result } = await ask('GET', '/number_request', { rid: rids[0] })
const right = numbers.every((number, at) => result[at] === (number % 2 === 0 ? number + 2 : number * 2))
console.log(`results of the first: ${right ? 'right' : 'wrong'}`)
const update = { numbers_id: [numbers_id[0]], numbers: [0], jobtodo_new: ['plus_Done'], result: [53] }
const { taskID } = await ask('POST', '/update_request', update)
console.log(`updated: ${await ended(taskID)}`)
