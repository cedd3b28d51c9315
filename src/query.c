/*
 * query.c
 *		What does the query do with the rows?
 *
 * Two things in the finished plan make a report cost what it looks at.
 *
 * A wrapper's CTE hands whole rows to the query, and the query picks columns
 * out of them: each pick is a FieldSelect.  So the picks that stand anywhere in
 * the plan are all that is wanted, unless a row is used in another way or the
 * plan has a node that is not known here; then every column is.
 *
 * And below a node that reads its input to the end before it returns anything
 * (an aggregate, a sort, the inner side of a hash join) every page will be
 * read, so the next one can be asked for before its rows are wanted.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"

#include "query.h"

typedef struct Search
{
	Oid			row_type;
	int			cte_plan;		/* number of the subplan that makes the rows */
	bool		is_cte;			/* it is read as a CTE */
	int			scans;			/* places where it is read */
	int			whole_scans;	/* of them, those that read it to the end */
	bool		unsure;			/* a row is used otherwise, or may be */
	Bitmapset  *columns;
} Search;

static void search_plan(Plan *plan, bool reads_all, Search *search);

/* Note the picks in an expression, and whole rows that are used otherwise. */
static bool
search_expr(Node *node, void *context)
{
	Search	   *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, FieldSelect))
	{
		FieldSelect *pick = (FieldSelect *) node;

		if (exprType((Node *) pick->arg) == search->row_type &&
			(IsA(pick->arg, Var) || IsA(pick->arg, Param)))
		{
			search->columns = bms_add_member(search->columns, pick->fieldnum);
			return false;
		}
	}
	else if ((IsA(node, Var) || IsA(node, Param)) &&
			 exprType(node) == search->row_type)
		search->unsure = true;
	return expression_tree_walker(node, search_expr, context);
}

/* A target list; a row that is only passed on to the node above is not used. */
static void
search_targets(List *targets, Search *search)
{
	ListCell   *cell;

	foreach(cell, targets)
	{
		Expr	   *expr = lfirst_node(TargetEntry, cell)->expr;

		if (!(IsA(expr, Var) && exprType((Node *) expr) == search->row_type))
			(void) search_expr((Node *) expr, search);
	}
}

/* Subplans that a node prepares: is the one that makes the rows a CTE? */
static void
search_init_plans(List *init_plans, Search *search)
{
	ListCell   *cell;

	foreach(cell, init_plans)
	{
		SubPlan    *subplan = lfirst_node(SubPlan, cell);

		if (subplan->subLinkType == CTE_SUBLINK && subplan->plan_id == search->cte_plan)
			search->is_cte = true;
	}
	(void) search_expr((Node *) init_plans, search);
}

static void
search_plans(List *plans, bool reads_all, Search *search)
{
	ListCell   *cell;

	foreach(cell, plans)
		search_plan(lfirst(cell), reads_all, search);
}

/* Parameters that a nested loop passes down: rows passed on are not used. */
static void
search_nest_params(List *params, Search *search)
{
	ListCell   *cell;

	foreach(cell, params)
	{
		Node	   *value = (Node *) lfirst_node(NestLoopParam, cell)->paramval;

		if (!(IsA(value, Var) && exprType(value) == search->row_type))
			(void) search_expr(value, search);
	}
}

/*
 * The expressions of a node and the nodes below it; reads_all says that this
 * node is read to its end.
 */
static void
search_plan(Plan *plan, bool reads_all, Search *search)
{
	bool		outer_reads_all = false;

	if (plan == NULL || search->unsure)
		return;

	switch (nodeTag(plan))
	{
		case T_Result:
			(void) search_expr(((Result *) plan)->resconstantqual, search);
			outer_reads_all = reads_all;
			break;
		case T_SubqueryScan:
			search_plan(((SubqueryScan *) plan)->subplan, reads_all, search);
			break;
		case T_Append:
			search_plans(((Append *) plan)->appendplans, reads_all, search);
			break;
		case T_Limit:
			(void) search_expr(((Limit *) plan)->limitOffset, search);
			(void) search_expr(((Limit *) plan)->limitCount, search);
			break;
		case T_NestLoop:
			(void) search_expr((Node *) ((NestLoop *) plan)->join.joinqual, search);
			search_nest_params(((NestLoop *) plan)->nestParams, search);
			break;
		case T_HashJoin:
			(void) search_expr((Node *) ((HashJoin *) plan)->join.joinqual, search);
			(void) search_expr((Node *) ((HashJoin *) plan)->hashclauses, search);
			(void) search_expr((Node *) ((HashJoin *) plan)->hashkeys, search);
			break;
		case T_MergeJoin:
			(void) search_expr((Node *) ((MergeJoin *) plan)->join.joinqual, search);
			(void) search_expr((Node *) ((MergeJoin *) plan)->mergeclauses, search);
			break;
		case T_Hash:
			(void) search_expr((Node *) ((Hash *) plan)->hashkeys, search);
			outer_reads_all = true;
			break;
		case T_Agg:
			outer_reads_all = reads_all || ((Agg *) plan)->aggstrategy != AGG_SORTED;
			break;
		case T_Sort:
			outer_reads_all = true;
			break;
		case T_CteScan:
			if (((CteScan *) plan)->ctePlanId == search->cte_plan)
			{
				search->scans++;
				search->whole_scans += reads_all;
			}
			break;
		case T_ProjectSet:
		case T_SeqScan:
		case T_Group:
		case T_Material:
		case T_Unique:
			/* nothing but a target list and a qualification */
			break;
		default:
			search->unsure = true;
			return;
	}
	search_targets(plan->targetlist, search);
	(void) search_expr((Node *) plan->qual, search);
	search_init_plans(plan->initPlan, search);
	search_plan(plan->lefttree, outer_reads_all, search);
	search_plan(plan->righttree, false, search);
}

/* Number of the subplan that is this call and nothing else, or 0. */
static int
subplan_of_call(List *subplans, Node *call)
{
	ListCell   *cell;

	foreach(cell, subplans)
	{
		Plan	   *plan = lfirst(cell);

		if (plan != NULL && IsA(plan, ProjectSet) &&
			list_length(plan->targetlist) == 1 &&
			(Node *) linitial_node(TargetEntry, plan->targetlist)->expr == call)
			return foreach_current_index(cell) + 1;
	}
	return 0;
}

HmsQueryUse
hms_query_use(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	HmsQueryUse use = {0};
	PlannedStmt *statement;
	Search		search = {0};

	if (result == NULL || !IsA(result, ReturnSetInfo) ||
		result->econtext == NULL || result->econtext->ecxt_estate == NULL)
		return use;
	statement = result->econtext->ecxt_estate->es_plannedstmt;
	if (statement == NULL)
		return use;
	search.cte_plan = subplan_of_call(statement->subplans, fcinfo->flinfo->fn_expr);
	if (search.cte_plan == 0)
		return use;
	search.row_type = exprType(fcinfo->flinfo->fn_expr);

	/* rows that leave the query as they are */
	(void) search_expr((Node *) statement->planTree->targetlist, &search);
	search_plan(statement->planTree, false, &search);
	search_plans(statement->subplans, false, &search);
	if (search.is_cte && !search.unsure)
	{
		use.columns_known = true;
		use.columns = search.columns;
		use.reads_all = search.scans == 1 && search.whole_scans == 1;
	}
	return use;
}
