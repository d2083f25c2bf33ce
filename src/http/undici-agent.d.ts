/** Undici's agent by its own file: all of undici, with fetch and web sockets, takes long to load. */
declare module 'undici/lib/dispatcher/agent.js' {
  export { Agent as default } from 'undici';
}
