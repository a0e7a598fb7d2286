import type { JSX } from 'preact'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { can } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Ago } from '../../parts/text/time.tsx'
import { Alerts } from './alerts.tsx'
import { Audit } from './audit.tsx'
import { Findings } from './findings.tsx'
import { Recorder } from './recorder.tsx'
import { Stores } from './stores.tsx'
import { Versions } from './versions.tsx'
import { WhoAmI } from './whoAmI.tsx'

/** What is wrong with the installation, how its parts are, who asks, and who changed what. */
export function Health(): JSX.Element {
  const examination = useResource((signal) => client.doctor({ signal }), [])
  const { data, isLoading, reload } = examination
  return (
    <Page
      title="Health"
      actions={
        <>
          <span class="quiet" role="status">
            {isLoading
              ? 'Examining: workers have a second to answer'
              : data && (
                  <>
                    Examined <Ago at={data.at} />
                  </>
                )}
          </span>
          <Button onPress={reload}>Examine again</Button>
        </>
      }
    >
      <Shown of={examination}>
        {(found) => (
          <>
            <Findings findings={found.findings} />
            <Stores stores={found.stores} />
            <Versions found={found} />
          </>
        )}
      </Shown>
      <div class="health-parts">
        <Recorder />
        {can('record') && <Alerts />}
        <WhoAmI />
      </div>
      {can('audit') && <Audit />}
    </Page>
  )
}
