// @ts-check
// What JSX of the pages calls.
export { Fragment, h } from 'preact'
