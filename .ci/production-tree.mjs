// Which packages are installed with `npm ci --omit dev`, by the lock file.

/**
 * The packages of the production tree: path in the project, name and version, as the lock file has them.
 *
 * @param {{ packages: Record<string, { version?: string, license?: string, dev?: boolean, link?: boolean, optional?: boolean, integrity?: string, hasInstallScript?: boolean }> }} lock
 */
export function productionTree(lock) {
  return Object.entries(lock.packages)
    .filter(([path, { dev, link }]) => path !== '' && dev !== true && link !== true)
    .map(([path, facts]) => ({ ...facts, path, name: path.replace(/^.*node_modules\//, '') }));
}
