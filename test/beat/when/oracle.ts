import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** What Celery is asked: the schedule in its words, and how many due moments after one. */
export interface Question {
  readonly kind: 'crontab' | 'solar'
  readonly words: Readonly<Record<string, unknown>>
  readonly tz?: string
  /** Milliseconds since the epoch. */
  readonly after: number
  readonly count: number
  /** Mends `dusk_astronomical`. */
  readonly mend?: boolean
}

/** Its answer; `error` where it refuses the words. */
export type Answer = { readonly due: readonly number[] } | { readonly error: string }

/** Asks Debian's Celery: one process for all questions. */
export async function askCelery(questions: readonly Question[]): Promise<Answer[]> {
  const python = spawn('/usr/bin/python3', [join(import.meta.dirname, 'oracle.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(python, 'exit')
  python.stdin.end(questions.map((question) => `${JSON.stringify(question)}\n`).join(''))
  const answers: Answer[] = []
  for await (const line of createInterface({ input: python.stdout })) answers.push(JSON.parse(line) as Answer)
  const [code] = await ended
  if (code !== 0 || answers.length !== questions.length) throw new Error(`oracle.py ended with ${code}`)
  return answers
}
