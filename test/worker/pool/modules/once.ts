import { appendFileSync, readFileSync } from 'node:fs'
import { App } from '../../../../src/app/app.ts'

/** Loads at the first and the fourth try; counts them in a file. */
const file = process.env.LOAD_COUNT as string
appendFileSync(file, '.')
const tries = readFileSync(file, 'utf8').length
if (tries === 2 || tries === 3) throw new Error(`try ${tries} fails`)

export const app = new App({ broker: 'memory:' })
app.task('exit', () => process.exit(1))
app.task('tries', () => tries)
