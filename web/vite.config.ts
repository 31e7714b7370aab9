import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** `npm run dev` passes the interface on to a server that `hepatica app --port 8127` started. */
const server = process.env.HEPATICA_SERVER ?? "http://127.0.0.1:8127";

export default defineConfig({
  base: "/",
  // Codecs of Zarr stores, which NiiVue can read and we never give it: 1.4 MB less.
  resolve: {
    alias: [{ find: /^numcodecs\/.*/, replacement: fileURLToPath(new URL("./src/viewer/nothing.ts", import.meta.url)) }],
  },
  build: {
    outDir: "../src/hepatica/serve/static",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 4000,
    assetsInlineLimit: 0,
    license: { fileName: "licences.md" },
  },
  server: {
    host: "127.0.0.1", // the cookie's
    proxy: { "/api": { target: server, changeOrigin: true, headers: { Origin: server } } },
  },
});
