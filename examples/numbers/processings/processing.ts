import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/*
 * What the processings share: numbers come from a file, results go to the web server. They know nothing of tasks.
 */

/** The program: `node <name>.ts <input file>`. Exit code 0: the server has the results. */
export async function processing(name: string, compute: (number: number) => number): Promise<void> {
  // Who started it is gone.
  process.on('disconnect', () => process.exit(1))
  process.channel?.unref()
  const [file] = process.argv.slice(2)
  if (file === undefined) throw new Error(`usage: node ${name}.ts <input file>`)
  const { numbers_id, numbers } = JSON.parse(await readFile(file, 'utf8')) as Input
  await sleep(Number(process.env.NUMBERS_PROCESSING_MS ?? 0))
  await report({
    numbers_id,
    numbers,
    jobtodo_new: numbers.map(() => `${name}_Done`),
    result: numbers.map((number) => compute(number)),
  })
}

interface Input {
  readonly numbers_id: readonly number[]
  readonly numbers: readonly number[]
}

/** A result beyond all numbers becomes null: JSON has no infinity. */
async function report(results: object): Promise<void> {
  const server = process.env.NUMBERS_URL || 'http://127.0.0.1:5000'
  const response = await fetch(new URL('/update_request', server), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(results),
  })
  if (response.status !== 201) throw new Error(`expected 201 from ${response.url}, got ${response.status}`)
}
