import { ask, ended, ridArgument } from './client.ts'

/*
 * A user with three numbers: hands in a request, waits until it is stored, looks at it.
 */

const rid = ridArgument('small')
const request = { rid, numbers: [51, 52, 53], jobtodo: ['sum', 'mul', 'sum'] }

const { taskID } = await ask('POST', '/number_request', request)
console.log(`stored: ${await ended(taskID)}`)
console.log(JSON.stringify(await ask('GET', '/number_request', { rid })))
