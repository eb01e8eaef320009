import Dashboard from "../islands/Dashboard.tsx";

/** The one page. */
export default function Index() {
  return <Dashboard />;
}
