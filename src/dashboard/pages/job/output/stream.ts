import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { JobEvent } from '../../../../client/types.ts'
import { client } from '../../../api/client.ts'
import { type Signal, signal, useValue } from '../../../api/signal.ts'
import { isVisible } from '../../../api/visible.ts'
import { LineBuffer, OutputText } from './lineBuffer.ts'

/** The page is drawn again at most so often, ms. */
const DRAW_MS = 60
/** After a failure the stream is opened again, ms later. */
const AGAIN_MS = 3000
/** Events that are read without a break in which the page is drawn and keys are heeded. */
const EVENTS_PER_TURN = 500

/** What a job says while it runs. The fields change in place; `version` changes when the page should be drawn. */
export class JobStream {
  readonly version: Signal<number> = signal(0)
  readonly lines: LineBuffer = new LineBuffer()
  readonly output: OutputText = new OutputText()
  progress: unknown
  /** Older events are not kept by the server any more. */
  isCut = false
  /** Why nothing comes now. */
  problem: Error | undefined
  #last = ''
  #timer: number | undefined

  /** Read until the end of the job, or the abort. `changed`: its state is another one. */
  async follow(id: string, stop: AbortSignal, changed: () => void): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.#read(id, stop, changed)
        return
      } catch (error) {
        if (stop.aborted) return
        this.problem = error as Error
        this.#draw()
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
    }
  }

  async #read(id: string, stop: AbortSignal, changed: () => void): Promise<void> {
    let count = 0
    for await (const event of client.job(id).events({ lastEventId: this.#last, signal: stop })) {
      if (event.id !== '') this.#last = event.id
      this.problem = undefined
      this.#take(event, changed)
      // The stream is not read on meanwhile: a server that has more waits.
      if (++count % EVENTS_PER_TURN === 0) await new Promise((resolve) => setTimeout(resolve))
    }
    this.#draw()
  }

  #take(event: JobEvent, changed: () => void): void {
    if (event.type === 'log') this.lines.add(event)
    else if (event.type === 'chunk') this.output.add(event.attempt, event.data)
    else if (event.type === 'progress') this.progress = event.data
    else if (event.type === 'reset') this.isCut = true
    else {
      if (event.type === 'state') this.progress = event.progress
      changed()
    }
    this.#draw()
  }

  #draw(): void {
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined
      this.output.join()
      this.version.value++
    }, DRAW_MS)
  }
}

/** Follow a job as long as the page is shown and the tab is visible; `isOn`: it has a record, so that it has events. */
export function useJobStream(id: string, isOn: boolean, changed: () => void): JobStream {
  const stream = useMemo(() => new JobStream(), [id])
  const latest = useRef(changed)
  latest.current = changed
  const visible = useValue(isVisible)
  useEffect(() => {
    if (!isOn || !visible) return
    const stop = new AbortController()
    void stream.follow(id, stop.signal, () => latest.current())
    return () => stop.abort()
  }, [stream, isOn, visible])
  return stream
}
