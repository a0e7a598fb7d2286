import type { JSX } from 'preact'
import { place } from '../api/place.ts'
import { to } from '../app/location.ts'
import type { ExposedTask, OpenApi } from '../calls/openApi.ts'
import { Outside } from '../parts/text/outside.tsx'

const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** All that the API has: the tasks, and the other routes. */
export function Overview({
  document: whole,
  tasks,
}: {
  document: OpenApi
  tasks: readonly ExposedTask[]
}): JSX.Element {
  const { title, description = '' } = whole.info
  return (
    <>
      <h1 tabIndex={-1}>
        <Outside text={title} />
      </h1>
      <p>{description.replaceAll('`', '')}</p>
      <h2>Tasks</h2>
      {tasks.length === 0 ? (
        <p class="quiet">No task is exposed.</p>
      ) : (
        <div class="scroll">
          <table>
            <tbody>
              {tasks.map(({ name, description: about }) => (
                <tr key={name}>
                  <td>
                    <a href={to(['tasks', name])}>
                      <Outside text={name} />
                    </a>
                  </td>
                  <td>
                    <Outside text={about ?? ''} length={400} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <h2>Jobs, batches and the server</h2>
      <div class="scroll">
        <table>
          <tbody>
            {routesOf(whole).map(({ method, path, summary }) => (
              <tr key={`${method} ${path}`}>
                <td>
                  <code>
                    {method} {path}
                  </code>
                </td>
                <td>{summary}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="quiet">
        The whole description, for programs: <a href={`${place.url}/openapi.json`}>openapi.json</a>
      </p>
    </>
  )
}

function routesOf({ paths }: OpenApi): { method: string; path: string; summary: string | undefined }[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method]
      if (!operation || operation['x-celeriac-task'] !== undefined) return []
      return [{ method: method.toUpperCase(), path, summary: operation.summary }]
    }),
  )
}
