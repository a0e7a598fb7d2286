import type { JSX } from 'preact'
import { Facts } from '../../parts/facts.tsx'
import { Meter } from '../../parts/meter.tsx'
import { bytes, count, duration, percent } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago, Since } from '../../parts/text/time.tsx'
import { poolText, type SeenWorker, softwareText, startOf } from './seenWorker.ts'
import { WorkerState } from './workerState.tsx'

/** What it is, and how it is. */
export function WorkerFacts({ worker }: { worker: SeenWorker }): JSX.Element {
  const { answers, node, pid, autoscale, prefetch, reserved, processed, cpu, cpuSeconds, rss, maxRss, loop } = worker
  const start = startOf(worker)
  return (
    <section class="card">
      <Facts
        of={[
          ['State', <WorkerState worker={worker} />],
          ['Software', <Outside text={`${softwareText(worker)}${node === undefined ? '' : `, Node ${node}`}`} />],
          ['Last event', worker.seenAt === undefined ? undefined : <Ago at={worker.seenAt} />],
          ['Uptime', answers && start !== undefined ? <Since at={start} /> : undefined],
          ['Process', pid],
          ['Pool', worker.pool && <Outside text={poolText(worker)} />],
          ['Autoscale', autoscale && `${autoscale.min} to ${autoscale.max}`],
          ['Reserved', reserved === undefined ? undefined : count(reserved)],
          ['Prefetch', prefetch === 0 ? 'No limit' : prefetch && count(prefetch)],
          ['Processed', processed === undefined ? undefined : count(processed)],
          ['CPU', cpuSeconds === undefined ? undefined : cpuText(cpu, cpuSeconds)],
          ['Memory', memoryText(rss, maxRss)],
          ['Event loop', loop === undefined ? undefined : <Loop share={loop} />],
        ]}
      />
    </section>
  )
}

function Loop({ share }: { share: number }): JSX.Element {
  return (
    <>
      <Meter share={share} label="Event loop" /> {percent(share)} busy
    </>
  )
}

/** Of its main process. */
function cpuText(cpu: number | undefined, seconds: number): string {
  const sum = `${duration(seconds * 1000)} in all`
  return cpu === undefined ? sum : `${percent(cpu)} of a core, ${sum}`
}

function memoryText(rss: number | undefined, maxRss: number | undefined): string | undefined {
  const most = maxRss === undefined ? undefined : `at most ${bytes(maxRss)}`
  if (rss === undefined) return most
  return most === undefined ? bytes(rss) : `${bytes(rss)}, ${most}`
}
