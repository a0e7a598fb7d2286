import type { JSX } from 'preact'
import type { DeadLetterDocument, DeathDocument } from '../../../protocol/deadLetterDocument.ts'
import { to } from '../../app/location.ts'
import { Outside, OutsideBlock } from '../../parts/text/outside.tsx'
import { Ago, Moment } from '../../parts/text/time.tsx'
import { REASONS } from './reasons.ts'

/** Each time that a worker gave it up, the newest last. */
export function Deaths({ letter }: { letter: DeadLetterDocument }): JSX.Element {
  const { deaths } = letter
  return (
    <section class="part" aria-labelledby="deaths">
      <h2 id="deaths">{deaths.length === 0 ? 'Why it died' : `Died ${deaths.length + 1} times`}</h2>
      <ol class="deaths">
        {[...deaths, letter].map((death, index) => (
          <Death key={index} death={death} />
        ))}
      </ol>
    </section>
  )
}

function Death({ death: { reason, error, diedAt, worker } }: { death: DeathDocument }): JSX.Element {
  return (
    <li>
      <p>
        <strong>{REASONS[reason][0]}</strong> <Ago at={diedAt} />{' '}
        <span class="quiet">
          (<Moment at={diedAt} />) on{' '}
          <a href={to(['workers', worker])}>
            <Outside text={worker} />
          </a>
        </span>
      </p>
      <OutsideBlock label="Error" text={`${error.type}: ${error.message}`} />
    </li>
  )
}
