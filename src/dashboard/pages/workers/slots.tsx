import type { JSX } from 'preact'
import { to } from '../../app/location.ts'
import { count } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Since } from '../../parts/text/time.tsx'
import { beginOf, type SeenWorker } from './seenWorker.ts'

/** Marks that are drawn; a pool may have a thousand slots. */
const MAX_MARKS = 10
/** px, as in workers.css. */
const MARK_WIDTH = 11
/** Tasks that are named below them; the page of the worker has all. */
const MAX_NAMED = 4

/** Which slots run something, with the tasks that have run longest. */
export function Slots({ worker }: { worker: SeenWorker }): JSX.Element {
  const { running = [], pool } = worker
  const size = Math.max(pool?.size ?? 0, running.length)
  const filled = Math.min(running.length, MAX_MARKS)
  const empty = Math.min(size, MAX_MARKS) - filled
  const longest = running.toSorted((a, b) => (b.age ?? 0) - (a.age ?? 0)).slice(0, MAX_NAMED)
  const rest = running.length - longest.length
  return (
    <>
      <div class="slots">
        <span class="number">
          {count(running.length)} / {pool?.size === undefined ? '?' : count(pool.size)}
        </span>
        <span class="slot-marks" aria-hidden="true">
          <span class="used" style={{ width: `${filled * MARK_WIDTH}px` }} />
          <span class="free" style={{ width: `${empty * MARK_WIDTH}px` }} />
          {size > MAX_MARKS && <span class="quiet">+{count(size - MAX_MARKS)}</span>}
        </span>
      </div>
      {longest.map((task) => {
        const begin = beginOf(worker, task)
        return (
          <div key={task.id} class="slot-task">
            <a href={to(['jobs', task.id])}>
              <Outside text={task.task} length={60} />
            </a>
            {begin !== undefined && (
              <span class="quiet">
                <Since at={begin} />
              </span>
            )}
          </div>
        )
      })}
      {rest > 0 && (
        <a class="quiet" href={to(['workers', worker.name])}>
          and {count(rest)} more
        </a>
      )}
    </>
  )
}
