import { render } from "preact";
import { App } from "./app/app";
import { start } from "./app/state";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/worklist.css";
import "./styles/case.css";

start();
render(<App />, document.getElementById("app") as HTMLElement);
